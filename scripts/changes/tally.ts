import { hash } from 'node:crypto';
import { isLoaded } from '../cvd/database-extensions.ts';
import { isOneSignature, nameInPrefix, signatureName } from '../cvd/signature-name.ts';
import type { ChangedNames, FileChange, KindOfChange } from './step.ts';

/**
 * Collects the lines that a step takes out of files and puts into them. Lines that are taken out and put in again cancel
 * each other out, so the result is the difference between both versions, whatever commands led there. Of a name that
 * both loses and gets a line, the line was exchanged. Files from which ClamAV loads no signatures are left out.
 */
export class Tally {
  readonly #files = new Map<string, TalliedFile>();

  added(file: string, line: Uint8Array): void {
    this.#count(file, keyOf(line), signatureName(file, line), 1);
  }

  removed(file: string, line: Uint8Array): void {
    this.#count(file, keyOf(line), signatureName(file, line), -1);
  }

  /** Takes `count` equal lines of which only a key and a name are known. */
  changed(file: string, key: string, name: string | undefined, count: number): void {
    this.#count(file, key, name, count);
  }

  /** Takes a line that was removed, of which only the beginning is known, and the line in its place, if there is one. */
  quoted(file: string, prefix: Uint8Array, replacement?: Uint8Array): void {
    const isLike = replacement !== undefined && startsWith(replacement, prefix) && prefix.length > 0;
    const old = nameInPrefix(file, prefix) ?? (isLike ? signatureName(file, replacement) : undefined);
    this.unnamed(file, -1, old);
    if (replacement !== undefined) this.added(file, replacement);
  }

  /** Takes lines that nothing is known of but their number, or a name. */
  unnamed(file: string, count: number, name?: string): void {
    if (!isLoaded(file)) return;
    this.#of(file).unknown.push({ name, count });
  }

  /** Notes that a file was removed whose lines nobody knows. */
  gone(file: string): void {
    if (isLoaded(file)) this.#of(file).isGone = true;
  }

  /**
   * Changes by file, sorted. A file that is one signature was added, removed or exchanged, depending on whether it was
   * there before and is there after.
   */
  changes(before: ReadonlySet<string>, after: ReadonlySet<string>): FileChange[] {
    const isOther = (file: string) => isOneSignature(file) && before.has(file) !== after.has(file);
    const names = new Set([...this.#files.keys(), ...[...before, ...after].filter(isOther)]);
    return [...names]
      .filter(isLoaded)
      .sort()
      .flatMap((file) => {
        const tallied = this.#files.get(file);
        const change = isOneSignature(file)
          ? wholeFile(file, tallied, { before, after })
          : byLines(file, tallied);
        return Object.keys(change).length > 1 ? [change] : [];
      });
  }

  #count(file: string, key: string, name: string | undefined, count: number): void {
    if (!isLoaded(file)) return;
    const { lines } = this.#of(file);
    const known = lines.get(key);
    if (known === undefined) lines.set(key, { name, count });
    else known.count += count;
  }

  #of(file: string): TalliedFile {
    let tallied = this.#files.get(file);
    if (tallied === undefined) {
      tallied = { lines: new Map(), unknown: [], isGone: false };
      this.#files.set(file, tallied);
    }
    return tallied;
  }
}

interface TalliedLine {
  readonly name: string | undefined;
  /** How many more such lines there are after than before. */
  count: number;
}

interface TalliedFile {
  readonly lines: Map<string, TalliedLine>;
  readonly unknown: TalliedLine[];
  isGone: boolean;
}

function byLines(file: string, tallied: TalliedFile | undefined): FileChange {
  const { lines, unknown, isGone } = tallied ?? { lines: new Map(), unknown: [], isGone: false };
  const [added, removed] = [new Map<string, number>(), new Map<string, number>()];
  const [nameless, unnamed] = [
    { added: 0, removed: 0 },
    { added: 0, removed: 0 },
  ];
  const all = [...lines.values()].map((line) => [line, nameless] as const);
  for (const [{ name, count }, others] of [...all, ...unknown.map((line) => [line, unnamed] as const)]) {
    if (count === 0) continue;
    const [names, kind] = count > 0 ? [added, 'added' as const] : [removed, 'removed' as const];
    const lines = Math.abs(count);
    if (name === undefined) others[kind] += lines;
    else names.set(name, (names.get(name) ?? 0) + lines);
  }
  const exchanged = new Map<string, number>();
  for (const [name, count] of added) {
    const both = Math.min(count, removed.get(name) ?? 0);
    if (both === 0) continue;
    exchanged.set(name, both);
    for (const names of [added, removed]) take(names, name, both);
  }
  return {
    file,
    ...named('added', added, nameless.added, unnamed.added),
    ...named('removed', removed, nameless.removed, unnamed.removed),
    ...named('exchanged', exchanged, 0, 0),
    ...(isGone && { gone: true as const }),
  };
}

function take(names: Map<string, number>, name: string, count: number): void {
  const left = (names.get(name) ?? 0) - count;
  if (left > 0) names.set(name, left);
  else names.delete(name);
}

function named(
  kind: KindOfChange,
  names: ReadonlyMap<string, number>,
  nameless: number,
  unknown: number,
): Partial<Record<KindOfChange, ChangedNames>> {
  const lines = [...names.values()].reduce((sum, count) => sum + count, nameless + unknown);
  if (lines === 0) return {};
  return {
    [kind]: {
      ...{ lines, names: [...names.keys()].sort() },
      ...(nameless > 0 && { nameless }),
      ...(unknown > 0 && { unknown }),
    },
  };
}

function wholeFile(
  file: string,
  tallied: TalliedFile | undefined,
  { before, after }: { before: ReadonlySet<string>; after: ReadonlySet<string> },
): FileChange {
  const isChanged =
    tallied !== undefined &&
    (tallied.isGone || [...tallied.lines.values(), ...tallied.unknown].some(({ count }) => count !== 0));
  const [was, is] = [before.has(file), after.has(file)];
  const kind = was && is ? 'exchanged' : is ? 'added' : 'removed';
  if (was === is && !isChanged) return { file };
  return { file, [kind]: { lines: 1, names: [signatureName(file, new Uint8Array(0)) ?? file] } };
}

/** Tells lines apart. */
function keyOf(line: Uint8Array): string {
  return hash('sha256', line, 'base64');
}

function startsWith(line: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, at) => line[at] === byte);
}
