import { cdiffName, cdiffSignName, cvdSignName } from '../cvd/names.ts';
import { type Finding, type Findings, listed } from './finding.ts';
import { guarded, type Served, type Site } from './site.ts';
import { statusFault } from './status.ts';

/** So far ahead that nobody has published it by the time it is asked for. */
const AHEAD = 10_000;

/** A CDIFF that cannot be there. */
export function missingCdiff({ database, header }: Served): string {
  return cdiffName(database, header.version + AHEAD);
}

/** Missing must be 404: after a 403, freshclam asks nothing more for a day (clamav-formats.md §0.3). */
export async function checkMissing(site: Site, served: Served): Promise<Finding[]> {
  const { database, header } = served;
  const version = header.version + AHEAD;
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
      if (isCld(name, body)) warnOfCld(name, findings);
      else byStatus.set(status, [...(byStatus.get(status) ?? []), name]);
    }
    for (const [status, affected] of byStatus) {
      if (status === 404 || status === 410) findings.good(`${status} for ${listed(affected, 9)}`);
      else statusFault(findings, status, affected);
    }
  });
}

function isCld(name: string, body: Buffer): boolean {
  return name.endsWith('.cld') && body.toString('latin1').startsWith('ClamAV-VDB:');
}

function warnOfCld(name: string, findings: Findings): void {
  findings.warning(
    `there is a ${name}, which PrivateMirror clients take before the CVD; no header signature covers it`,
    'Serve CVDs, which Talos signed, instead of the database folder of a freshclam',
  );
}
