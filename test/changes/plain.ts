import type { FileChange } from '../../scripts/changes/step.ts';
import { isOneSignature, signatureName } from '../../scripts/cvd/signature-name.ts';
import type { Files } from '../support/databases/naive.ts';

/** Extensions of every file that ClamAV loads signatures from. */
export const EXTENSIONS = [
  ...['db', 'hdb', 'hdu', 'hsb', 'hsu', 'mdb', 'mdu', 'msb', 'msu', 'fp', 'sfp', 'imp', 'ndb', 'ndu', 'sdb'],
  ...['ldb', 'ldu', 'cdb', 'crb', 'idb', 'zmd', 'rmd', 'pdb', 'gdb', 'wdb', 'cfg', 'ftm', 'pwdb'],
  ...['ign', 'ign2', 'yar', 'yara', 'cbc', 'cat', 'ioc'],
] as const;

/**
 * Difference of two versions, as plainly as can be: all lines of each file in lists, of which equal ones are crossed out.
 * What `changes/` works out from CDIFFs and databases is compared with it.
 */
export function plainDifference(before: Files, after: Files): FileChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((file) => {
    const [old, next] = [before.get(file), after.get(file)];
    if (isOneSignature(file)) {
      if (old !== undefined && next !== undefined && sameLines(old, next)) return [];
      const kind = old === undefined ? 'added' : next === undefined ? 'removed' : 'exchanged';
      return [{ file, [kind]: { lines: 1, names: [file] } }];
    }
    const gone = without(linesOf(old), linesOf(next)).map((line) => nameOf(file, line));
    const come = without(linesOf(next), linesOf(old)).map((line) => nameOf(file, line));
    const [namedGone, namedCome] = [gone, come].map((names) => names.filter((name) => name !== undefined));
    const both = without(namedCome ?? [], without(namedCome ?? [], namedGone ?? []));
    const change = {
      ...told('added', without(come, both)),
      ...told('removed', without(gone, both)),
      ...told('exchanged', both),
    };
    return Object.keys(change).length === 0 ? [] : [{ file, ...change }];
  });
}

function told(kind: string, found: readonly (string | undefined)[]) {
  if (found.length === 0) return {};
  const names = [...new Set(found.filter((name) => name !== undefined))].sort();
  const nameless = found.filter((name) => name === undefined).length;
  return { [kind]: { lines: found.length, names, ...(nameless > 0 && { nameless }) } };
}

/** Members of a list beyond those of another one, which are crossed out one by one. */
function without<T>(list: readonly T[], others: readonly T[]): T[] {
  const left = [...others];
  return list.filter((one) => {
    const at = left.indexOf(one);
    if (at === -1) return true;
    left.splice(at, 1);
    return false;
  });
}

function sameLines(a: Buffer, b: Buffer): boolean {
  return linesOf(a).sort().join('\n') === linesOf(b).sort().join('\n');
}

function linesOf(bytes: Buffer | undefined): string[] {
  const lines = bytes?.toString('latin1').split('\n') ?? [];
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function nameOf(file: string, line: string): string | undefined {
  return signatureName(file, Buffer.from(line, 'latin1'));
}
