/** What a published file is, read from its name alone (clamav-formats.md §2, §3, §6). */
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

/** `daily`: letters, digits and `_`, so that no name leads out of a folder or looks like a version. */
export const DATABASE_NAME = /^[A-Za-z][A-Za-z0-9_]{0,31}$/;

const FORM = /^([A-Za-z][A-Za-z0-9_]{0,31})(?:-([1-9]\d{0,9}))?\.(cvd|cdiff)(\.sign)?$/;

/** Where a mirror keeps earlier CVDs: the one place in it that is not at the top. */
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

/** True for what clients never ask for: an earlier CVD, or its `.sign`. */
export function isArchived(
  file: FileName | undefined,
): file is Extract<FileName, { kind: 'archive' | 'archive-sign' }> {
  return file?.kind === 'archive' || file?.kind === 'archive-sign';
}

export function cvdName(database: string): string {
  return `${database}.cvd`;
}

/** What freshclam makes of a CVD and CDIFFs; no mirror publishes one. */
export function cldName(database: string): string {
  return `${database}.cld`;
}

/** Parses `daily.cld` and `daily-28001.cld`; any other name gives `undefined`. */
export function parseCldName(name: string): { database: string; version: number | undefined } | undefined {
  const [, database, digits] = /^([A-Za-z][A-Za-z0-9_]{0,31})(?:-([1-9]\d{0,9}))?\.cld$/.exec(name) ?? [];
  if (database === undefined) return undefined;
  return { database, version: digits === undefined ? undefined : Number(digits) };
}

/** An earlier CVD: here its name says the version. */
export function archiveName(database: string, version: number): string {
  return `${ARCHIVE_FOLDER}/${database}-${version}.cvd`;
}

/** Kept with an earlier CVD, so that a rollback publishes it again. */
export function archiveSignName(database: string, version: number): string {
  return `${archiveName(database, version)}.sign`;
}

export function cdiffName(database: string, version: number): string {
  return `${database}-${version}.cdiff`;
}

/** The `.sign` of a CVD carries the version, though the CVD's own name does not (§2). */
export function cvdSignName(database: string, version: number): string {
  return `${database}-${version}.cvd.sign`;
}

export function cdiffSignName(database: string, version: number): string {
  return `${cdiffName(database, version)}.sign`;
}

/** For who serves CLDs in the place of CVDs. */
export const CLD_ADVICE =
  'A CLD has no signature over the whole, so nobody can vouch for it: take a mirror of CVDs, such as one that cvdupdate or ' +
  'this program makes; or set "ScriptedUpdates no" in the freshclam.conf there and remove the .cld files, and it keeps CVDs';
