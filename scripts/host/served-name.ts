import { TARGET_CHARACTERS } from '../base/limits/requests.ts';

/** Request for a file at the top, in `archive/` or in `changes/`. No published name needs an escape, so nothing is decoded. */
const SERVED = /^\/+((?:archive\/|changes\/)?[A-Za-z0-9][A-Za-z0-9._-]*)$/;

/** Temporary names of other tools that copy files here. Our own begin with a dot, which `SERVED` excludes. */
const TEMPORARY = /\.(tmp|temp|part|partial)$/i;

/**
 * File that a request target asks for, as a path below the served folder; `undefined` if it cannot be one of ours.
 *
 * The query is ignored: cvdupdate asks for `daily.cvd?version=N` (clamav-formats.md §7). Freshclam sends a doubled
 * slash if its `DatabaseMirror` ends with one.
 */
export function servedName(target: string): string | undefined {
  if (target.length > TARGET_CHARACTERS) return undefined;
  const path = target.replace(/^https?:\/\/[^/?]*/i, '').replace(/\?.*$/, '');
  if (path === '/') return 'index.html';
  const name = SERVED.exec(path)?.[1];
  return name === undefined || TEMPORARY.test(name) ? undefined : name;
}
