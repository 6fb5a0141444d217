import { TARGET_CHARACTERS } from '../base/limits/requests.ts';

/** A flat name, at the top or in `archive/`. Nothing legitimate needs an escape, so there is no decoding. */
const SERVED = /^\/+((?:archive\/)?[A-Za-z0-9][A-Za-z0-9._-]*)$/;

/** Ours begin with a dot and fall out above; these are what other tools leave while they copy a file here. */
const TEMPORARY = /\.(tmp|temp|part|partial)$/i;

/**
 * Which file a request target asks for, as a path below the served folder; `undefined` if it cannot be one of ours.
 *
 * The query is ignored: cvdupdate asks for `daily.cvd?version=N` (clamav-formats.md §7). A doubled slash is what
 * freshclam sends when its `DatabaseMirror` ends with one.
 */
export function servedName(target: string): string | undefined {
  if (target.length > TARGET_CHARACTERS) return undefined;
  const path = target.replace(/^https?:\/\/[^/?]*/i, '').replace(/\?.*$/, '');
  if (path === '/') return 'index.html';
  const name = SERVED.exec(path)?.[1];
  return name === undefined || TEMPORARY.test(name) ? undefined : name;
}
