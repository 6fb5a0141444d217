import { encodeDnsRecord } from '../cvd/dns-record.ts';
import { proofTable } from '../proof/proof-table.ts';
import type { Manifest } from './manifest.ts';

/** When the mirror was last checked with success: epoch seconds and ISO time. */
export const TIMESTAMP = 'timestamp';
/** The TXT record that a client may use through DNSDatabaseInfo. */
export const DNS_TXT = 'dns.txt';
/** The record of engines × scenarios, for machines and for people. */
export const PROOF_JSON = 'proof.json';
export const PROOF_TXT = 'proof.txt';

/** What stands beside the databases for people and programs that do not read the manifest; all of it is in there. */
export function pagesOf(manifest: Manifest): ReadonlyMap<string, string> {
  const { checked, databases, proof } = manifest;
  return new Map([
    [TIMESTAMP, `${Math.floor(Date.parse(checked) / 1000)} ${checked}\n`],
    [DNS_TXT, `${encodeDnsRecord(databases, new Date(checked))}\n`],
    [PROOF_JSON, `${JSON.stringify(proof, undefined, 2)}\n`],
    [PROOF_TXT, proofTable(proof)],
  ]);
}
