import { explain } from '../../base/errors.ts';
import { lasting } from '../../base/words.ts';
import { type DnsRecord, lookUp } from '../../upstream/dns.ts';
import { type Finding, Findings } from '../finding.ts';
import type { Served } from '../target.ts';

/** Milliseconds without a record to compare with. */
const OLD_MS = 48 * 60 * 60_000;

/** The TXT record of upstream. */
export interface UpstreamRecord {
  readonly record: string;
  readonly nameservers: readonly string[];
}

/** What upstream advertises; without an answer, that is a finding. */
export async function readRecord(
  dns: UpstreamRecord | undefined,
  now: Date,
): Promise<{ record: DnsRecord | undefined; findings: Finding[] }> {
  if (dns === undefined) return { record: undefined, findings: [] };
  try {
    return { record: await lookUp(dns.record, dns.nameservers, now), findings: [] };
  } catch (error) {
    const findings = new Findings('mirror', 'freshness').warning(
      `what upstream has is not known: ${explain(error)}`,
      'Name a nameserver that answers with --nameservers, or leave this out with --dns off',
    );
    return { record: undefined, findings: findings.list };
  }
}

/**
 * How far a database is behind upstream, in versions: of daily there is one a day. Clients with DatabaseMirror obey the
 * official record, so two behind means that each downloads the whole database on every run (clamav-formats.md §6).
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
