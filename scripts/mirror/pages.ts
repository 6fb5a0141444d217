import { encodeDnsRecord } from '../cvd/dns-record.ts';
import { proofTable } from '../proof/proof-table.ts';
import type { Extras } from './extras.ts';
import type { Manifest } from './manifest.ts';

/** File with the time of the last successful check: epoch seconds and ISO time. */
export const TIMESTAMP = 'timestamp';
/** File with the TXT record for clients with DNSDatabaseInfo. */
export const DNS_TXT = 'dns.txt';
/** Files with the record of engines × scenarios, for machines and for people. */
export const PROOF_JSON = 'proof.json';
export const PROOF_TXT = 'proof.txt';
/** The status page for people; what it says for programs; what earlier cycles did. */
export const INDEX_HTML = 'index.html';
export const STATUS_JSON = 'status.json';
export const HISTORY_JSON = 'history.json';
/** What happened, as an Atom feed and as a JSON Feed. */
export const FEED_XML = 'feed.xml';
export const FEED_JSON = 'feed.json';
/** The verdict as a picture, and in the form of shields.io's endpoint. */
export const BADGE_SVG = 'badge.svg';
export const BADGE_JSON = 'badge.json';
/** Metrics for Prometheus. */
export const METRICS_PROM = 'metrics.prom';
/**
 * Everything that `page/` makes, the page last, which names the others: it changes with each cycle, also with one that
 * publishes nothing else. The feeds change only when something happened.
 */
export const FACE: readonly string[] = [
  HISTORY_JSON,
  STATUS_JSON,
  FEED_XML,
  FEED_JSON,
  BADGE_SVG,
  BADGE_JSON,
  METRICS_PROM,
  INDEX_HTML,
];

/** Text near the start of the JSON files among them. */
export const JSON_MARK = '"generator": "clamav-mirror/';

/** Picture and text of the owner, which the status page shows. */
export const LOCAL_LOGO = 'local_logo.png';
export const LOCAL_NOTICE = 'local_notice.html';

/**
 * Pages beside the databases for people and programs that do not read the manifest. All their content is in the
 * manifest.
 */
export function pagesOf(manifest: Manifest): ReadonlyMap<string, string> {
  const { checked, databases, proof, extras } = manifest;
  return new Map([
    [TIMESTAMP, `${Math.floor(Date.parse(checked) / 1000)} ${checked}\n`],
    [DNS_TXT, `${encodeDnsRecord(databases, new Date(checked))}\n`],
    [PROOF_JSON, `${JSON.stringify({ ...proof, ...proofOf(extras) }, undefined, 2)}\n`],
    [PROOF_TXT, [proofTable(proof), ...tableOf(extras)].join('\n')],
  ]);
}

/** Record of the extras, with the hashes of the files that it is about. */
function proofOf(extras: Extras | undefined): object {
  if (extras?.proof === undefined) return {};
  const hashes = Object.entries(extras.files).map(([name, { sha256 }]) => [name, sha256]);
  return { extras: { files: Object.fromEntries(hashes), ...extras.proof } };
}

function tableOf(extras: Extras | undefined): string[] {
  if (extras?.proof === undefined) return [];
  return [`With them, the extras ${Object.keys(extras.files).join(', ')}\n${proofTable(extras.proof)}`];
}
