import { cdiffName, cdiffSignName, cvdSignName } from '../../cvd/names.ts';
import { type Finding, type Findings, listed, quoted } from '../finding.ts';
import { statusFault } from '../status-advice.ts';
import { guarded, type Served, type Site } from '../target.ts';

/** Versions ahead of the newest, so far that nobody has published this one yet. */
const VERSIONS_AHEAD = 10_000;

/** Name of a CDIFF that cannot exist yet. */
export function missingCdiff({ database, header }: Served): string {
  return cdiffName(database, header.version + VERSIONS_AHEAD);
}

/** Checks that a missing file is a 404: after a 403, freshclam asks nothing more for a day (clamav-formats.md §0.3). */
export async function checkMissing(site: Site, served: Served): Promise<Finding[]> {
  const { database, header } = served;
  const version = header.version + VERSIONS_AHEAD;
  const names = [
    `${database}.cld`,
    missingCdiff(served),
    cdiffSignName(database, version),
    cvdSignName(database, version),
    `no-such-file-${version}`,
  ];
  return await guarded(database, 'missing files', async (findings) => {
    const byStatus = new Map<number, string[]>();
    for (const name of names) {
      const { status, body } = await site.client.ask(name, { headers: { range: 'bytes=0-511' }, keep: 512 });
      if (isCld(name, body)) judgeCld(name, body, served, site, findings);
      else byStatus.set(status, [...(byStatus.get(status) ?? []), name]);
    }
    for (const [status, affected] of byStatus) {
      if (status === 404 || status === 410) findings.good(`${status} for ${listed(affected, 9)}`);
      else statusFault(findings, status, affected);
    }
  });
}

/** True for a file of this name that begins as ClamAV's containers do. */
export function isCld(name: string, body: Buffer): boolean {
  return name.endsWith('.cld') && body.toString('latin1').startsWith('ClamAV-VDB:');
}

/** Judges a served CLD. PrivateMirror clients ask for it first (clamav-formats.md §6), so an old one is all they ever get. */
function judgeCld(name: string, body: Buffer, served: Served, { manifest }: Site, findings: Findings): void {
  const [, , version = ''] = body.toString('latin1').split(':');
  const what = `there is a ${name}, version ${quoted(version)}, which PrivateMirror clients take before the CVD`;
  if (manifest !== undefined) {
    findings.fault(`${what}; no mirror of ours publishes one`, LEFTOVER_ADVICE);
  } else if (!(Number(version) >= served.header.version)) {
    findings.fault(`${what}, of version ${served.header.version}`, LEFTOVER_ADVICE);
  } else {
    findings.warning(
      `${what}; no header signature covers it`,
      'Serve CVDs, which Talos signed, instead of the database folder of a freshclam',
    );
  }
}

const LEFTOVER_ADVICE =
  'Remove it: a freshclam left it there. In a folder, the next sync sets it aside. The configurations in site/hosts do not serve it';
