import { ALLOWED_FILES, ALLOWED_SIGNATURES } from '../../cvd/extra-names.ts';
import type { Allowed } from '../../mirror/extras.ts';

/** Source of the files of the allow list, in their records. */
export const ALLOW_LIST = 'allow list';

/** Names of the files of the allow list. Both are there once there is a list, and stay: clients ask for them by name. */
export const LISTS: readonly string[] = [ALLOWED_SIGNATURES, ALLOWED_FILES];

/** First line of both files. ClamAV skips it, and a file with no other is no error for a client. */
export const MARK =
  '# The allow list of this mirror. It is made by: clamav-mirror allow, disallow, --allow-list';

/** Texts of both files by name. */
export function listsOf(allowed: readonly Allowed[]): ReadonlyMap<string, string> {
  const whats = allowed.map(({ what }) => what).sort();
  const text = (lines: readonly string[]) => [MARK, ...lines, ''].join('\n');
  return new Map([
    [ALLOWED_SIGNATURES, text(whats.filter((what) => !isFileHash(what)))],
    [ALLOWED_FILES, text(whats.filter(isFileHash).map((hash) => `${hash}:*:allowed:${ANY_SIZE_FLEVEL}`))],
  ]);
}

/** F-level from which ClamAV takes a hash without a size. */
const ANY_SIZE_FLEVEL = 73;

/** True for an entry that names a file, by its SHA-256. */
export function isFileHash(what: string): boolean {
  return /^[0-9a-f]{64}$/.test(what);
}

/** Name of the file in which an entry stands. */
export function listWith(what: string): string {
  return isFileHash(what) ? ALLOWED_FILES : ALLOWED_SIGNATURES;
}
