import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { breaksIn, FLOORS, importsOf as importsIn } from './support/house.ts';

/** All files below scripts/, those of no program without their text. */
const root = join(import.meta.dirname, '..', 'scripts');
const files = new Map(
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path.slice(root.length + 1), /\.[jt]s$/.test(path) ? readFileSync(path, 'utf8') : '']),
);

describe('the house', () => {
  test('has a floor for each room, no import that leads up or in a circle, and no crowded folder', () => {
    expect(breaksIn(files)).toEqual([]);
  });

  test('is described in scripts/README.md floor by floor', () => {
    const rows = readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^\| (\d+) \| ([^|]+) \|/gm);
    const described = [...rows].map(([, floor, cell = '']) => [
      Number(floor),
      [...cell.matchAll(/`([a-z-]+)\/`/g)].map(([, room]) => room),
    ]);
    const rooms = FLOORS.slice(0, -1).map((names, floor) => [floor, names]);
    expect(described.reverse()).toEqual([...rooms, [FLOORS.length - 1, []]]);
  });

  const withFile = (name: string, text: string) => breaksIn(new Map([...files, [name, text]]));
  const importing = (from: string, to: string) =>
    withFile(from, `${files.get(from)}\nimport { it } from '${to}';\n`);

  test('lets nobody import what is higher', () => {
    expect(importing('cvd/header.ts', '../cycle/report.ts')).toContain(
      'cvd/header.ts imports cycle/report.ts, which is higher',
    );
  });

  test('lets no room import another one on its floor', () => {
    expect(importing('client/folder.ts', '../notify/github/github.ts')).toContain(
      'client/folder.ts imports notify/github/github.ts, another room on its floor',
    );
  });

  test('lets no two rooms import each other', () => {
    expect(importing('store/file-name.ts', '../mirror/pin.ts').join('\n')).toMatch(
      /mirror and store import each other: .*, store\/file-name\.ts → mirror\/pin\.ts/,
    );
  });

  test('lets no file lead to itself', () => {
    const circle = breaksIn(
      new Map([
        ['base/one.ts', "import type { Two } from './two.ts';"],
        ['base/two.ts', "const three = await import('./three.ts');"],
        ['base/three.ts', "import './one.ts';"],
      ]),
    );
    expect(circle).toEqual(['a circle: base/one.ts → base/two.ts → base/three.ts → base/one.ts']);
    expect(importing('store/store.ts', './folder.ts').join('\n')).toMatch(/a circle: .*store\/store\.ts/);
  });

  test('knows every room', () => {
    expect(withFile('attic/box.ts', '')).toContain('attic/box.ts is in a room without a floor: attic');
  });

  test('keeps what one reads at a glance', () => {
    const many = (folder: string) =>
      Array.from({ length: 17 }, (_, at) => [`${folder}${at}.ts`, ''] as const);
    expect(breaksIn(new Map(many('store/s3/')))).toEqual(['store/s3/ holds 17 files, at most 16']);
    expect(breaksIn(new Map(many('')))).toEqual(['scripts/ holds 17 files, at most 8']);
    const rooms = Array.from({ length: 38 }, (_, at) => [`room-${at}/it.md`, ''] as const);
    expect(breaksIn(new Map(rooms))).toEqual(['scripts/ holds 38 entries, at most 37']);
  });
});

describe('the sources', () => {
  const sources = new Map([...files].filter(([name]) => name.endsWith('.ts')));
  const names = [...sources.keys()];
  const importsOf = (name: string) => importsIn(name, sources.get(name) ?? '');
  const imports = (folder: string) =>
    names
      .filter((name) => name.startsWith(folder))
      .flatMap((name) => importsOf(name).map((what) => [name, what] as const));

  test('read the environment in one module only, and where there is no package yet', () => {
    const readers = [...sources].filter(([, text]) =>
      /process\s*\.\s*env\b|node:process'|[{,]\s*env\s*[,}].*= process/.test(text),
    );
    expect(readers.map(([name]) => name).sort()).toEqual([
      'settings/environment.ts',
      'watch/quick-check-settings.ts',
    ]);
  });

  test('print by way of log.ts only, which lets nobody command a terminal or a runner', () => {
    const printers = [...sources].filter(([, text]) =>
      /\b(stdout|stderr)\s*\.\s*(write|end)\b|\bconsole\s*\.|\bcore\.(info|notice|warning|error|debug|setFailed)\b/.test(
        text,
      ),
    );
    expect(printers.map(([name]) => name).sort()).toEqual(['action/actions-log.ts']);
  });

  test('of cvd/ import nothing but node:crypto, the CRC of node:zlib, pako, limits and themselves', () => {
    expect(imports('cvd/').length).toBeGreaterThan(20);
    const others = imports('cvd/').filter(
      ([, what]) => !/^(node:(crypto|zlib)|pako|base\/limits\/databases\.ts|cvd\/.*)$/.test(what),
    );
    expect(others).toEqual([]);
  });

  test('of the quick look need no package', () => {
    const seen = new Set<string>();
    const follow = (name: string): string[] =>
      importsOf(name).flatMap((what) => {
        if (seen.has(what)) return [];
        seen.add(what);
        return what.endsWith('.ts') ? follow(what) : [what];
      });
    const packages = follow('check.ts').filter((what) => !/^(node:|.*package\.json$)/.test(what));
    expect(packages).toEqual([]);
  });

  test('of verify/ touch neither files nor the network', () => {
    expect(imports('verify/').length).toBeGreaterThan(20);
    const allowed = /^(node:crypto|base\/errors\.ts|base\/limits\/databases\.ts|cvd\/.*|verify\/.*)$/;
    expect(imports('verify/').filter(([, what]) => !allowed.test(what))).toEqual([]);
  });

  test('import no entry', () => {
    const entries = ['cli.ts', 'action.ts', 'check.ts', 'demo.ts'];
    expect(imports('').filter(([, what]) => entries.includes(what))).toEqual([]);
  });

  test('import no test and nothing of the developers', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, '..', 'package.json'), 'utf8'));
    const outside = imports('').filter(([, what]) => what.startsWith('../test') || what in devDependencies);
    expect(outside).toEqual([]);
  });

  test('exist wherever they are imported from', () => {
    const lost = imports('').filter(([, what]) => what.endsWith('.ts') && !sources.has(what));
    expect(lost).toEqual([]);
  });
});
