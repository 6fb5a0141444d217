import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const files = ['scripts', 'test'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
);
const sources = new Map(files.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));
/** Asks for a real part: one that the set-up provides, or one that the module tries for itself. */
const ASKS = /\binject\('(?!run')|\brealPart\(|\btriedPart\(/;

/** The modules that a file loads, types aside, and those that they load. */
function loadedBy(file: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const follow = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    const imports = (sources.get(name) ?? '').matchAll(
      /^(?:import|export) (?!type\b)[^;]*?from '(\.[^']+)'|^import '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gms,
    );
    for (const [, from, bare, later] of imports) {
      const target = normalize(join(dirname(name), from ?? bare ?? later ?? ''));
      if (sources.has(target)) follow(target);
    }
  };
  follow(file);
  return seen;
}

describe('a unit test', () => {
  const units = files.filter((file) => /(?<!\.it)\.test\.ts$/.test(file));

  test('is one of many, and real tests have another name', () => {
    expect(units.length).toBeGreaterThan(100);
    const real = files.filter((file) => file.endsWith('.it.test.ts'));
    expect(
      real.filter((file) => [...loadedBy(file)].some((name) => ASKS.test(sources.get(name) ?? ''))).length,
    ).toBeGreaterThan(80);
  });

  test('loads nothing that asks for a real part', () => {
    const asking = units.flatMap((file) =>
      [...loadedBy(file)]
        .filter((name) => ASKS.test(sources.get(name) ?? ''))
        .map((name) => `${file}: ${name}`),
    );
    expect(asking).toEqual([]);
  });
});

test('no folder of tests holds more than sixteen files', () => {
  const counts = Map.groupBy(
    files.filter((file) => file.startsWith('test/')),
    (file) => dirname(file),
  );
  expect([...counts].filter(([, names]) => names.length > 16).map(([folder]) => folder)).toEqual([]);
});

test('what is sampled stands in CONTRIBUTING.md, and nothing else does', () => {
  const samplers = files.filter((file) =>
    /^import [^;]*\bfrom '[^']*\/sample\.ts'/m.test(sources.get(file) ?? ''),
  );
  const text = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const [, table = ''] = /\n\| Test \| In `npm test` \|\n(.*?)\n\n/s.exec(text) ?? [];
  const listed = [...table.matchAll(/test\/\S+\.ts/g)].map(([name]) => name);
  expect(listed.sort()).toEqual(samplers.sort());
});
