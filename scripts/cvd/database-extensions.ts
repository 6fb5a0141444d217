/**
 * True for a file of a container from which ClamAV loads signatures. ClamAV reads a container twice: first up to the
 * first file that ends in `.info`, then all files with one of these extensions, each of which `.info` must list. It
 * skips all others, COPYING too. Source: libclamav/readdb.h, CLI_DBEXT; libclamav/cvd.c, cli_tgzload();
 * libclamav/str.c, cli_strbcasestr(), which ignores case.
 */
export function isLoaded(name: string): boolean {
  const lower = name.toLowerCase();
  return DATABASE_EXTENSIONS.some((extension) => lower.endsWith(extension));
}

/** True for any name that ClamAV takes for a container's `.info`, whatever comes before the dot. */
export function isInfo(name: string): boolean {
  return name.toLowerCase().endsWith('.info');
}

/** True for a file that ClamAV neither loads nor reads: freshclam ≥ 1.5 leaves applied CDIFFs in a CLD. */
export function isLeftover(name: string): boolean {
  return name !== 'COPYING' && !isInfo(name) && !isLoaded(name);
}

/** Extensions of ClamAV 1.5, built with YARA rules, and two that only 0.103 and older know: `.db2`, `.db3`. */
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
