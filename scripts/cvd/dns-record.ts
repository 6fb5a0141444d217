/** Facts about a database that a DNS record announces. */
export interface Advertised {
  readonly version: number;
  readonly fLevel: number;
}

/** Databases with a field in the record. Source: libfreshclam_internal.c, textrecordfield(). */
const IN_RECORD = ['main', 'daily', 'safebrowsing', 'bytecode'];

/**
 * The TXT record for a client's `DNSDatabaseInfo`, the inverse of `parseRecord` (clamav-formats.md §6):
 * `version:main:daily:epoch:warning:f-level:safebrowsing:bytecode`. Source: libfreshclam.c, fc_dns_query_update_info().
 *
 * - The recommended engine version is 0 and the warning is off: a mirror does not say which ClamAV is outdated.
 * - A database that the mirror lacks is 0, so the client asks the mirror itself. The field must not be empty:
 *   cli_strtok() skips empty fields and would shift all later ones.
 * - The f-level is the highest of the databases. No client reads it.
 * - Clients ask the mirror itself once `at` is more than 12 hours ago; 0.103 did after 3.
 */
export function encodeDnsRecord(databases: Readonly<Record<string, Advertised>>, at: Date): string {
  const version = (name: string) => databases[name]?.version ?? 0;
  const fLevel = Math.max(0, ...Object.values(databases).map((database) => database.fLevel));
  const [main, daily, safebrowsing, bytecode] = IN_RECORD.map(version);
  return [0, main, daily, epochOf(at), 0, fLevel, safebrowsing, bytecode].join(':');
}

/**
 * All TXT records that save a client from asking the mirror for its versions: the record called `name`, and a record
 * `version:epoch` for each database without a field in it. The names of the latter are fixed, so a network's own
 * nameserver must serve them. Source: libfreshclam_internal.c, query_remote_database_version().
 */
export function dnsRecordsFor(
  databases: ReadonlyMap<string, Advertised>,
  name: string,
  at: Date,
): Map<string, string> {
  const records = new Map([[name, encodeDnsRecord(Object.fromEntries(databases), at)]]);
  for (const [database, { version }] of databases) {
    if (IN_RECORD.includes(database)) continue;
    records.set(`${database}.cvd.clamav.net`, `${version}:${epochOf(at)}`);
  }
  return records;
}

function epochOf(at: Date): number {
  return Math.floor(at.getTime() / 1000);
}
