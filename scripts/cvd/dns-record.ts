/** What a record needs to know of a database. */
export interface Advertised {
  readonly version: number;
  readonly fLevel: number;
}

/** The databases that have a field in the record. Source: libfreshclam_internal.c, textrecordfield(). */
const IN_RECORD = ['main', 'daily', 'safebrowsing', 'bytecode'];

/**
 * The TXT record for a client's `DNSDatabaseInfo`, the inverse of `parseRecord` (clamav-formats.md §6):
 * `version:main:daily:epoch:warning:f-level:safebrowsing:bytecode`. Source: libfreshclam.c, fc_dns_query_update_info().
 *
 * - The recommended engine version is 0 and the warning off: which ClamAV is outdated is not for a mirror to say.
 * - A database that the mirror does not have is 0: the client then asks the mirror itself. It may not be left empty:
 *   cli_strtok() skips empty fields, so that each later one would be taken for the one before it.
 * - No client reads the f-level; it is the highest of the databases.
 * - Clients ask the mirror itself when `at` is more than 12 hours ago; 0.103 did after 3.
 */
export function encodeDnsRecord(databases: Readonly<Record<string, Advertised>>, at: Date): string {
  const version = (name: string) => databases[name]?.version ?? 0;
  const fLevel = Math.max(0, ...Object.values(databases).map((database) => database.fLevel));
  const [main, daily, safebrowsing, bytecode] = IN_RECORD.map(version);
  return [0, main, daily, epochOf(at), 0, fLevel, safebrowsing, bytecode].join(':');
}

/**
 * All TXT records that spare a client the question which version the mirror has: the one of this name, and
 * `version:epoch` for each database that has no field in it. The names of those cannot be set: a network's own
 * nameserver must give them. Source: libfreshclam_internal.c, query_remote_database_version().
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
