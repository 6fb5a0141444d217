import type { Manifest } from '../../scripts/mirror/manifest.ts';

/** A place in a manifest: the keys that lead there. */
export type Place = readonly string[];

/** Every field of a manifest, of lists the first item only, each as the keys that lead to it. */
export function placesIn(value: unknown, at: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [at];
  const keys = Array.isArray(value) ? Object.keys(value).slice(0, 1) : Object.keys(value);
  return [
    ...(at.length === 0 ? [] : [at]),
    ...keys.flatMap((key) => placesIn((value as Record<string, unknown>)[key], [...at, key])),
  ];
}

/** The text of the manifest with another value there. */
export function withValue(manifest: Manifest, place: Place, value: unknown): string {
  const [holder, key, copy] = holderOf(manifest, place);
  holder[key] = value;
  return JSON.stringify(copy);
}

/** The text of the manifest with another name for what is there. */
export function withName(manifest: Manifest, place: Place, name: string): string {
  const [holder, key, copy] = holderOf(manifest, place);
  const value = holder[key];
  delete holder[key];
  // as JSON has it: `__proto__` is a name like any other there
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
  return JSON.stringify(copy);
}

function holderOf(
  manifest: Manifest,
  place: Place,
): [holder: Record<string, unknown>, key: string, copy: Record<string, unknown>] {
  const copy = JSON.parse(JSON.stringify(manifest));
  const key = place.at(-1) ?? '';
  const holder = place.slice(0, -1).reduce((at, step) => at[step], copy);
  return [holder, key, copy];
}

/** After so many characters of a name, ClamAV's reader of configurations begins a line of its own. */
export function orderIn(command: string): string {
  return `${'a'.repeat(1023 - 'ExtraDatabase '.length)}OnErrorExecute ${command}`;
}

/** Names that are to do harm. `marker`: a file that is not there until a command was run. */
export function hostileNames(marker: string): string[] {
  return [
    orderIn(`touch ${marker}`),
    `daily\nOnErrorExecute touch ${marker}`,
    `daily\rOnUpdateExecute touch ${marker}`,
    `$(touch ${marker})`,
    '../victim',
    '../../victim',
    '/etc/victim',
    '..',
    '.',
    '',
    'a/b',
    'a\0b',
    '-d',
    '--on-error-execute=reboot',
    '\u001b[2J\u202e::error::x##[error]',
    '__proto__',
    'ä',
    'x'.repeat(33),
  ];
}

/** Values that no field of a manifest should make anybody stumble over. */
export function hostileValues(marker: string): unknown[] {
  const names = Array.from({ length: 10_000 }, (_, at) => `d${at}`);
  return [
    ...[null, true, 0, -1, 1.5, 2 ** 31, 2 ** 53 - 1, 2 ** 53, 1e308],
    ...hostileNames(marker),
    ...['1', '2026-13-45T99:99:99Z', '9999-01-01T00:00:00Z', 'x'.repeat(200_000)],
    ...[[], {}, [[]], [{}], { length: 3 }, names, Object.fromEntries(names.map((name) => [name, {}]))],
    { '../victim': { version: 1 } },
  ];
}
