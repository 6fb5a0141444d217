import { basename } from 'node:path';
import { BUNDLE_PIECES, BUNDLES } from '../base/limits/given.ts';
import { BundleError } from './error.ts';

/** The files of one bundle, in their order. */
export interface BundleFiles {
  /** For people. */
  readonly name: string;
  readonly paths: readonly string[];
}

const PIECE = /^(.+)\.(\d{3})$/;

/** Sorts files into bundles: `week.001` and `week.002` are pieces of one. Throws `bundle/piece` for a missing piece. */
export function bundlesOf(files: readonly string[]): BundleFiles[] {
  const pieces = new Map<string, Map<number, string>>();
  const whole: BundleFiles[] = [];
  for (const path of new Set(files)) {
    const [, stem, digits] = PIECE.exec(path) ?? [];
    if (stem === undefined) whole.push({ name: basename(path), paths: [path] });
    else pieces.set(stem, (pieces.get(stem) ?? new Map<number, string>()).set(Number(digits), path));
  }
  const joined = [...pieces].map(([stem, byNumber]) => ({
    name: basename(stem),
    paths: inOrder(stem, byNumber),
  }));
  const all = [...whole, ...joined];
  if (all.length > BUNDLES)
    throw new BundleError('bundle/piece', `more than ${BUNDLES} bundles are too many for one import`);
  return all;
}

function inOrder(stem: string, byNumber: ReadonlyMap<number, string>): string[] {
  const last = Math.max(...byNumber.keys());
  return Array.from({ length: Math.min(last, BUNDLE_PIECES) }, (_, at) => {
    const path = byNumber.get(at + 1);
    if (path !== undefined) return path;
    const name = `${basename(stem)}.${String(at + 1).padStart(3, '0')}`;
    throw new BundleError('bundle/piece', `${name} is missing: the bundle is split, and needs all pieces`, {
      advice: `Give all pieces: ${basename(stem)}.*`,
    });
  });
}
