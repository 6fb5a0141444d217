import { expect } from 'vitest';

/** What an outsider may write wherever words of others come in: for a terminal, a runner, and people who read. */
export const HOSTILE =
  '::error::forged\r\n::add-mask::forged\n  ::stop-commands::forged ##[error]forged \x1b]0;forged\x07\x1b[2J\x9b31m' +
  '\u2028::warning::forged\u0085\u202egnp.exe\u2066\u200b\ufeff\0\b\x7f\ud800 <img src=x> [click](https://evil.example) @team `code` $x$';

/** Fields whose words are all ours. */
const OURS = /^(verdict|outcome|how|result)$/;

/** Copies of a value, each with one of its strings made hostile, or the key of a record; and one with all of them. */
export function hostileVariants<T>(value: T): [where: string, variant: T][] {
  const places = placesIn(value, []);
  const variants = places.map(([path, isKey]): [string, T] => [
    `${path.join('.')}${isKey ? ' (its name)' : ''}`,
    changed(value, path, isKey) as T,
  ]);
  const all = places.reduce(
    (copy, [path, isKey]) => (isKey ? copy : changed(copy, path, false)),
    value as unknown,
  );
  return [...variants, ['everywhere', all as T]];
}

/** Fails for text that would command a terminal or a runner, or that has lines which an outsider began. */
export function expectHarmless(text: string): void {
  expect(text).not.toMatch(/(?![\t\n])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/u);
  expect(text).not.toContain('##[');
  for (const line of text.split('\n')) expect(line).not.toMatch(/^\s*(::|forged)/);
}

/** Fails for Markdown in which an outsider marks up, mentions, links or embeds anything. */
export function expectPlainWords(markdown: string): void {
  expectHarmless(markdown);
  const others = markdown.replaceAll(
    /\[(manifest|proof|status page|latest changes)\]\(https:\/\/clamav\.example\/[\w.#]*\)/g,
    '',
  );
  expect(others).not.toMatch(/<img|\]\(|@team|`code`|\/\/evil|\$x\$/);
}

type Path = readonly (string | number)[];

/** Every string; and every name in a record whose names are data: it holds at least one that is no word of ours. */
function placesIn(value: unknown, path: Path): [path: Path, isKey: boolean][] {
  if (typeof value === 'string') return [[path, false]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]): [Path, boolean][] => {
    if (OURS.test(key) && typeof inner === 'string') return [];
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    const isData = !Array.isArray(value) && /^(databases|files)$/.test(String(path.at(-1)));
    return [...(isData ? ([[at, true]] as [Path, boolean][]) : []), ...placesIn(inner, at)];
  });
}

function changed(value: unknown, [first, ...rest]: Path, isKey: boolean): unknown {
  if (first === undefined) return HOSTILE;
  const entries = Object.entries(value as object).map(([key, inner]) => {
    if (key !== String(first)) return [key, inner];
    return isKey && rest.length === 0 ? [HOSTILE, inner] : [key, changed(inner, rest, isKey)];
  });
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}
