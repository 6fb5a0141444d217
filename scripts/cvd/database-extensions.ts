/**
 * True for a file of a container that ClamAV loads signatures from, by its own list. It reads a container twice: first
 * up to the first file that ends in `.info`, then all that end in one of these, each of which `.info` must list.
 * Everything else it skips, COPYING too. Source: libclamav/readdb.h, CLI_DBEXT; libclamav/cvd.c, cli_tgzload();
 * libclamav/str.c, cli_strbcasestr(), which compares the end of the name whatever its case.
 */
export function isLoaded(name: string): boolean {
  const lower = name.toLowerCase();
  return DATABASE_EXTENSIONS.some((extension) => lower.endsWith(extension));
}

/** True for what ClamAV takes for a container's `.info`, whatever comes before the dot. */
export function isInfo(name: string): boolean {
  return name.toLowerCase().endsWith('.info');
}

/** True for what ClamAV neither loads nor reads: in a CLD, what freshclam ≥ 1.5 leaves of the CDIFFs that it applied. */
export function isLeftover(name: string): boolean {
  return name !== 'COPYING' && !isInfo(name) && !isLoaded(name);
}

/** Those of ClamAV 1.5, with YARA rules built in, and the two that only 0.103 and older know: `.db2`, `.db3`. */
const DATABASE_EXTENSIONS: readonly string[] = [
  '.db',
  '.db2',
  '.db3',
  '.hdb',
  '.hdu',
  '.fp',
  '.mdb',
  '.mdu',
  '.hsb',
  '.hsu',
  '.sfp',
  '.msb',
  '.msu',
  '.ndb',
  '.ndu',
  '.ldb',
  '.ldu',
  '.sdb',
  '.zmd',
  '.rmd',
  '.pdb',
  '.gdb',
  '.wdb',
  '.cbc',
  '.ftm',
  '.cfg',
  '.cvd',
  '.cld',
  '.cud',
  '.cdb',
  '.cat',
  '.crb',
  '.idb',
  '.ioc',
  '.yar',
  '.yara',
  '.pwdb',
  '.ign',
  '.ign2',
  '.imp',
];
