import { httpDate } from './checks/conditional.ts';
import type { Finding } from './finding.ts';
import { guarded, type Served, type Site } from './target.ts';

/** Clients that treat a 200 as a 304 if its Last-Modified is not after the date that they sent (clamav-formats.md §0.4). */
const WITH_LIBCURL = 'freshclam with DatabaseCustomURL, and curl -z';

/**
 * Checks that a client gets the newest version even if it downloaded the one before after the newest was built. Some clients
 * ask for changes since their download, not since the build of what they have (clamav-formats.md §6).
 */
export async function checkOwnClock({ client, now }: Site, served: Served): Promise<Finding[]> {
  const { name, database, header } = served;
  const isEarlier = (text: string | undefined) => !(Date.parse(text ?? '') / 1000 > header.stime);
  if (now.getTime() / 1000 <= header.stime) return [];
  return await guarded(database, 'own clock', async (findings) => {
    const ask = async (headers: Readonly<Record<string, string>>) =>
      await client.ask(name, { headers: { range: 'bytes=0-511', ...headers }, keep: 0 });
    const { header: plain } = await ask({});
    const asked = await ask({ 'if-modified-since': httpDate(now.getTime() / 1000) });
    const sent = asked.header('last-modified');
    if (asked.status === 304 && isEarlier(plain('last-modified'))) {
      findings.fault(
        `304 for a client that sends the time of its download: cvdupdate where it asks by HTTP, ${WITH_LIBCURL}, stay on what they have`,
        ADVICE,
      );
    } else if (asked.status === 304) {
      findings.good('304 only for a client that came after the file was put there');
    } else if (asked.status !== 200 && asked.status !== 206) {
      findings.fault(`${asked.status} for a client that sends the time of its download`, ADVICE);
    } else if (sent !== undefined && isEarlier(sent)) {
      findings.fault(
        `a client that sends the time of its download gets a Last-Modified before that: ${WITH_LIBCURL}, drop the new version`,
        ADVICE,
      );
    } else findings.good('a client that sends the time of its download gets what is new');
  });
}

const ADVICE =
  'Answer 304 only for the exact Last-Modified, and send none to a client that names a later date. The configurations in site/hosts do so';
