/** Kind, database and version of a published file, from its name alone (clamav-formats.md §2, §3, §6). */
export type FileName =
  | { readonly kind: 'cvd'; readonly database: string; readonly version: number | undefined }
  | { readonly kind: 'archive'; readonly database: string; readonly version: number }
  | {
      readonly kind: 'archive-sign';
      readonly database: string;
      readonly version: number;
      readonly signs: string;
    }
  | { readonly kind: 'cdiff'; readonly database: string; readonly version: number }
  | { readonly kind: 'sign'; readonly database: string; readonly version: number; readonly signs: string };

/** Name of a database: letters, digits and `_`, so no name leads out of a folder or looks like a version. */
export const DATABASE_NAME = /^[A-Za-z][A-Za-z0-9_]{0,31}$/;

const FORM = /^([A-Za-z][A-Za-z0-9_]{0,31})(?:-([1-9]\d{0,9}))?\.(cvd|cdiff)(\.sign)?$/;

/** Folder of earlier CVDs, the only folder in a mirror. */
export const ARCHIVE_FOLDER = 'archive';

/**
 * Parses `daily.cvd`, `daily-28001.cvd`, `daily-28001.cdiff`, `daily-28001.cvd.sign`, `daily-28001.cdiff.sign`,
 * `archive/daily-28000.cvd` and `archive/daily-28000.cvd.sign`; any other name gives `undefined`.
 */
export function parseFileName(name: string): FileName | undefined {
  if (name.startsWith(`${ARCHIVE_FOLDER}/`)) return parseArchiveName(name);
  const [, database, digits, kind, sign] = FORM.exec(name) ?? [];
  if (database === undefined) return undefined;
  const version = digits === undefined ? undefined : Number(digits);
  if (sign !== undefined) {
    if (version === undefined) return undefined;
    const signs = kind === 'cvd' ? cvdName(database) : name.slice(0, -'.sign'.length);
    return { kind: 'sign', database, version, signs };
  }
  if (kind === 'cvd') return { kind: 'cvd', database, version };
  return version === undefined ? undefined : { kind: 'cdiff', database, version };
}

function parseArchiveName(name: string): FileName | undefined {
  const file = parseFileName(name.slice(ARCHIVE_FOLDER.length + 1));
  if (file?.version === undefined) return undefined;
  const { database, version } = file;
  if (file.kind === 'cvd') return { kind: 'archive', database, version };
  if (file.kind !== 'sign' || file.signs !== cvdName(database)) return undefined;
  return { kind: 'archive-sign', database, version, signs: archiveName(database, version) };
}

/** True for an earlier CVD or its `.sign`, which clients never ask for. */
export function isArchived(
  file: FileName | undefined,
): file is Extract<FileName, { kind: 'archive' | 'archive-sign' }> {
  return file?.kind === 'archive' || file?.kind === 'archive-sign';
}

export function cvdName(database: string): string {
  return `${database}.cvd`;
}

/** Name of the file that freshclam makes of a CVD and CDIFFs. No mirror publishes one. */
export function cldName(database: string): string {
  return `${database}.cld`;
}

/** Parses `daily.cld` and `daily-28001.cld`; any other name gives `undefined`. */
export function parseCldName(name: string): { database: string; version: number | undefined } | undefined {
  const [, database, digits] = /^([A-Za-z][A-Za-z0-9_]{0,31})(?:-([1-9]\d{0,9}))?\.cld$/.exec(name) ?? [];
  if (database === undefined) return undefined;
  return { database, version: digits === undefined ? undefined : Number(digits) };
}

/** Path of an earlier CVD, whose name holds its version. */
export function archiveName(database: string, version: number): string {
  return `${ARCHIVE_FOLDER}/${database}-${version}.cvd`;
}

/** Path of an earlier CVD's `.sign`, which a rollback publishes again. */
export function archiveSignName(database: string, version: number): string {
  return `${archiveName(database, version)}.sign`;
}

export function cdiffName(database: string, version: number): string {
  return `${database}-${version}.cdiff`;
}

/** Name of a CVD's `.sign`: it holds the version, though the CVD's own name does not (§2). */
export function cvdSignName(database: string, version: number): string {
  return `${database}-${version}.cvd.sign`;
}

export function cdiffSignName(database: string, version: number): string {
  return `${cdiffName(database, version)}.sign`;
}

/** Advice for a server that has CLDs in the place of CVDs. */
export const CLD_ADVICE =
  'No signature covers a whole CLD. Use a mirror of CVDs, such as one made by cvdupdate or by this program. Or make that ' +
  'server keep CVDs: set "ScriptedUpdates no" in its freshclam.conf and remove its .cld files. Or name ' +
  "ClamAV's own behind it (--upstream THIS,https://database.clamav.net), or copy its folder here and begin with that (sync --adopt FOLDER): the " +
  'CVDs can be made of the CLDs, with the signed headers that only ClamAV has';

/** Folder of the lists of changed signatures. */
export const CHANGES_FOLDER = 'changes';

/** Name of the list of what changed with a version, as in `changes/daily-28101.json`. */
export function changesName(database: string, version: number): string {
  return `${CHANGES_FOLDER}/${database}-${version}.json`;
}

/** Name of the overview of a database's lists. */
export function changesOverviewName(database: string): string {
  return `${CHANGES_FOLDER}/${database}.json`;
}

/** Name of the index that says in which lists a signature is. */
export function changesIndexName(database: string): string {
  return `${CHANGES_FOLDER}/${database}.names.json`;
}

/**
 * Parses `changes/daily-28101.json`, `changes/daily.json` and `changes/daily.names.json`, of which the first alone has a
 * version; any other name gives `undefined`.
 */
export function parseChangesName(
  name: string,
): { readonly database: string; readonly version: number | undefined } | undefined {
  const [, database, digits] = CHANGES_FORM.exec(name) ?? [];
  if (database === undefined) return undefined;
  return { database, version: digits === undefined ? undefined : Number(digits) };
}

const CHANGES_FORM = /^changes\/([A-Za-z][A-Za-z0-9_]{0,31})(?:-([1-9]\d{0,9})|\.names)?\.json$/;
