import { type Finding, type Findings, quoted } from '../finding.ts';
import { guarded, type Served, type Site } from '../target.ts';

/** Seconds by which a client's database is older than the served one. */
const EARLIER_S = 60;

/** Checks 304: freshclam sends the build time of its database, not the time of its download (clamav-formats.md §6). */
export async function checkConditional({ client }: Site, served: Served): Promise<Finding[]> {
  const { name, database, header } = served;
  return await guarded(database, '304', async (findings) => {
    const statusFor = async (stime: number) => {
      const headers = { range: 'bytes=0-511', 'if-modified-since': httpDate(stime) };
      return (await client.ask(name, { headers, keep: 0 })).status;
    };
    const same = await statusFor(header.stime);
    if ((await statusFor(header.stime - EARLIER_S)) === 304) {
      findings.fault('a client with an earlier version is told 304: nothing new', MODIFIED_ADVICE);
    } else if (same === 304) findings.good('304 for a client that has this version');
    else if (same === 200 || same === 206) {
      findings.good(`${same} for a client that has this version, which costs little`);
    } else
      findings.fault(`${same} for a client that has this version`, 'Answer 304, or ignore If-Modified-Since');
  });
}

/** Checks Last-Modified: libcurl treats a 200 as a 304 if it is not after the client's date (clamav-formats.md §0.4). */
export function judgeLastModified(text: string | undefined, stime: number, findings: Findings): void {
  if (text === undefined) {
    findings.good('none is sent');
    return;
  }
  const modified = Date.parse(text) / 1000;
  if (Number.isNaN(modified)) findings.warning(`${quoted(text)} is no date`, 'Send an HTTP date, or none');
  else if (modified < stime) {
    findings.fault(
      `${quoted(text)} is before the build time ${httpDate(stime)}: clients drop the download and say they are up to date`,
      MODIFIED_ADVICE,
    );
  } else findings.good(modified === stime ? 'the build time' : `${quoted(text)}, after the build time`);
}

const MODIFIED_ADVICE =
  'Set the time of the file to its build time or later (touch it), or send no Last-Modified. Then purge caches';

/** Writes a time as HTTP does, from seconds since 1970. */
export function httpDate(seconds: number): string {
  return new Date(seconds * 1000).toUTCString();
}
