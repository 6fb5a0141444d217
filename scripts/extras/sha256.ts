import { ExtraError } from './error.ts';

const HASH = /^[0-9a-f]{64}$/;

/**
 * Finds the SHA-256 of a file in a list: `HASH`, `HASH  name`, `HASH *name` or `SHA256 (name) = HASH`, in lines. Without any
 * of these names, a list of one hash is about the file. Throws `extra/hash`.
 */
export function hashIn(list: string, names: readonly string[]): string {
  const entries = list.split(/\r?\n/).flatMap((line) => {
    const [, name = '', ofName = ''] = /^SHA256 \((.+)\) = ([0-9a-fA-F]{64})$/.exec(line.trim()) ?? [];
    const [, plain = '', called = ''] = /^([0-9a-fA-F]{64})(?:[ \t]+\*?(\S.*))?$/.exec(line.trim()) ?? [];
    const hash = (ofName || plain).toLowerCase();
    return HASH.test(hash) ? [{ hash, name: (name || called).replace(/^.*\//, '') }] : [];
  });
  const [only, ...others] = entries;
  const found = entries.find(({ name }) => names.includes(name)) ?? (others.length === 0 ? only : undefined);
  if (found !== undefined) return found.hash;
  throw new ExtraError('extra/hash', 'its list of hashes has no SHA-256 of it', {
    advice: 'Look at the address in sha256Url',
  });
}

/** Throws `extra/hash` if bytes with one hash were to have another. */
export function requireHash(found: string, wanted: string): void {
  if (found === wanted) return;
  throw new ExtraError('extra/hash', `it has the SHA-256 ${found}, and was to have ${wanted}`, {
    advice:
      'A source may publish the file before its hash: then it passes by itself. If it lasts, ask who runs the source',
  });
}
