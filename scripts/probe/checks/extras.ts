import { createHash } from 'node:crypto';
import { counted } from '../../base/words.ts';
import type { ExtraRecord } from '../../mirror/extras.ts';
import { sizeOf } from '../content-range.ts';
import { type Finding, type Findings, listed } from '../finding.ts';
import type { Answer } from '../http-client.ts';
import { statusFault } from '../status-advice.ts';
import { guarded, type Site } from '../target.ts';
import { httpDate } from './conditional.ts';

/** Bytes up to which an extra is read whole: an allow list has a few hundred, and two hundred files are 13 MB then. */
const SMALL = 65_536;
/** Seconds by which the clocks of a host and of the machine that publishes may differ. */
const CLOCK_SKEW_SECONDS = 900;

/**
 * Checks that the extras of the manifest are served as it names them, and that a client with `DatabaseCustomURL` sees each
 * change: it sends the time of its own download (clamav-formats.md §6). Of one that is large only the size is compared, unless
 * `isFull`.
 */
export async function checkExtras(
  site: Site,
  { isFull, maxSize }: { readonly isFull: boolean; readonly maxSize: number },
): Promise<Finding[]> {
  const all = Object.entries(site.manifest?.extras?.files ?? {});
  if (all.length === 0) return [];
  const faults: Finding[] = [];
  for (const [name, record] of all) {
    const found = await guarded('mirror', 'extras', async (findings) => {
      const { published, size } = record;
      const before = httpDate(Math.floor(Date.parse(published) / 1000) - CLOCK_SKEW_SECONDS);
      const keep = size <= SMALL ? size + 1 : 0;
      const answer = await site.client.ask(name, { headers: { 'if-modified-since': before }, keep });
      if (!judgeStatus(name, answer, before, findings)) return;
      const wrong =
        keep > 0 || !isFull
          ? wrongStart(answer, record, keep > 0)
          : await wrongWhole(site, name, record, maxSize);
      if (wrong !== undefined) findings.fault(`${name} ${wrong}`, CHANGED_ADVICE);
    });
    faults.push(...found);
  }
  if (faults.length > 0) return faults;
  const names = listed(all.map(([name]) => name));
  return await guarded('mirror', 'extras', async (findings) =>
    findings.good(
      `${names}: ${counted(all.length, 'file')} as the manifest names ${all.length === 1 ? 'it' : 'them'}`,
    ),
  );
}

const CHANGED_ADVICE =
  'Another program has changed what sync published, or a cache has an old copy. Purge it, or publish again';
const DATE_ADVICE =
  'Keep no times of other places: the Last-Modified of a file must be the time at which it was put there. The configurations in site/hosts do so';

/** False if the rest of the answer says nothing of the file. */
function judgeStatus(name: string, { status, header }: Answer, before: string, findings: Findings): boolean {
  if (status === 404 || status === 410) {
    findings.fault(
      `${name} is in the manifest and not served; freshclam fails at it, once the databases are updated`,
      'Publish it again, or run a sync',
    );
  } else if (status === 304) {
    findings.fault(
      `304 for ${name} for a client that downloaded it before its publication: clients with DatabaseCustomURL stay on what they have`,
      DATE_ADVICE,
    );
  } else if (status !== 200) {
    statusFault(findings, status, [name]);
  } else {
    if (Date.parse(header('last-modified') ?? '') <= Date.parse(before))
      findings.fault(
        `the Last-Modified of ${name} is before its publication: clients with DatabaseCustomURL drop it`,
        DATE_ADVICE,
      );
    return true;
  }
  return false;
}

function wrongStart(answer: Answer, { size, sha256 }: ExtraRecord, isRead: boolean): string | undefined {
  const found = isRead ? answer.body.length : (sizeOf(answer) ?? size);
  if (isRead && answer.ended === 'cut') return `breaks off after ${found} bytes`;
  if (found !== size)
    return `has ${found > size ? `more than ${size}` : found} bytes, the manifest says ${size}`;
  if (!isRead || createHash('sha256').update(answer.body).digest('hex') === sha256) return undefined;
  return 'does not have the bytes that the manifest names';
}

async function wrongWhole(
  { client }: Site,
  name: string,
  { sha256 }: ExtraRecord,
  maxSize: number,
): Promise<string | undefined> {
  const hash = createHash('sha256');
  await client.stream(name, maxSize, (chunk) => void hash.update(chunk));
  return hash.digest('hex') === sha256 ? undefined : 'does not have the bytes that the manifest names';
}
