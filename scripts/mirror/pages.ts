import { encodeDnsRecord } from '../cvd/dns-record.ts';
import { proofTable } from '../proof/proof-table.ts';
import type { Manifest } from './manifest.ts';

/** File with the time of the last successful check: epoch seconds and ISO time. */
export const TIMESTAMP = 'timestamp';
/** File with the TXT record for clients with DNSDatabaseInfo. */
export const DNS_TXT = 'dns.txt';
/** Files with the record of engines × scenarios, for machines and for people. */
export const PROOF_JSON = 'proof.json';
export const PROOF_TXT = 'proof.txt';

/**
 * Pages beside the databases for people and programs that do not read the manifest. All their content is in the
 * manifest.
 */
export function pagesOf(manifest: Manifest): ReadonlyMap<string, string> {
  const { checked, databases, proof } = manifest;
  return new Map([
    [TIMESTAMP, `${Math.floor(Date.parse(checked) / 1000)} ${checked}\n`],
    [DNS_TXT, `${encodeDnsRecord(databases, new Date(checked))}\n`],
    [PROOF_JSON, `${JSON.stringify(proof, undefined, 2)}\n`],
    [PROOF_TXT, proofTable(proof)],
  ]);
}
