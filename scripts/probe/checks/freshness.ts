import { explain } from '../../base/errors.ts';
import { lasting } from '../../base/words.ts';
import type { DnsRecord } from '../../upstream/dns.ts';
import { lookUpProxied, type ProxiedQuestion } from '../../upstream/look-up.ts';
import { type Finding, Findings } from '../finding.ts';
import type { Served } from '../target.ts';

/** Age from which daily is old if there is no record to compare with. */
const OLD_MS = 48 * 60 * 60_000;

/** Reads the versions that upstream advertises. No answer is a finding. */
export async function readRecord(
  dns: ProxiedQuestion | undefined,
  now: Date,
): Promise<{ record: DnsRecord | undefined; findings: Finding[] }> {
  if (dns === undefined) return { record: undefined, findings: [] };
  try {
    return { record: await lookUpProxied(dns, now), findings: [] };
  } catch (error) {
    const findings = new Findings('mirror', 'freshness').warning(
      `upstream's versions are not known: ${explain(error)}`,
      'Name a nameserver that answers (--nameservers), or skip this check (--dns off)',
    );
    return { record: undefined, findings: findings.list };
  }
}

/**
 * Checks how many versions a database is behind upstream; daily has one a day. Clients with DatabaseMirror obey the official
 * record: two versions behind, each of them downloads the whole database on every run (clamav-formats.md §6).
 */
export function checkFreshness(
  { database, header }: Served,
  record: DnsRecord | undefined,
  { asked, now }: { readonly asked: boolean; readonly now: Date },
): Finding[] {
  const findings = new Findings(database, 'freshness');
  const newest = record?.versions.get(database);
  if (!asked) return [];
  if (newest === undefined || newest === 0) {
    const age = now.getTime() - header.stime * 1000;
    if (database !== 'daily' || age <= OLD_MS) return [];
    return findings.warning(`built ${lasting(age)} ago`, 'Check that sync runs').list;
  }
  const behind = newest - header.version;
  const what = `version ${header.version}, upstream has ${newest}`;
  if (behind <= 0) findings.good(`version ${header.version} is upstream's newest`);
  else if (behind === 1)
    findings.warning(`one behind: ${what}`, 'All is well if sync runs within the next hours');
  else
    findings.fault(
      `${behind} behind: ${what}; clients load all of it on every run`,
      'Find out why sync fails or does not run',
    );
  return findings.list;
}
