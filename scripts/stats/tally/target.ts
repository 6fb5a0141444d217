import { ARCHIVE_FOLDER, type FileName, parseFileName } from '../../cvd/names.ts';
import { owned } from '../logs/access.ts';

/** Targets that are remembered: a mirror has a few hundred. */
const REMEMBERED = 5000;

/** A target as far as it matters here. */
export interface Target {
  /** Path without host and query. */
  readonly path: string;
  /** The published file that it names, wherever the mirror lies below its host; `undefined`: none of ours. */
  readonly file: FileName | undefined;
}

/** Makes a function that says what a target names. It remembers what it was asked, and no more than so many. */
export function targets(): (target: string) => Target {
  const known = new Map<string, Target>();
  return (target) => {
    const before = known.get(target);
    if (before !== undefined) return before;
    if (known.size >= REMEMBERED) known.clear();
    const own = owned(target);
    const found = parseTarget(own);
    known.set(own, found);
    return found;
  };
}

function parseTarget(target: string): Target {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  const parts = path.split('/');
  const [folder, name = ''] = parts.slice(-2);
  const file =
    folder === ARCHIVE_FOLDER
      ? parseFileName(`${ARCHIVE_FOLDER}/${name}`)
      : parseFileName(parts.at(-1) ?? '');
  return { path, file };
}
