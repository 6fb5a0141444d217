import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

describe('the sources', () => {
  const root = join(import.meta.dirname, '..', 'scripts');
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const sources = new Map(names.map((name) => [name, readFileSync(join(root, name), 'utf8')]));
  /** What a module imports: packages by name, modules by their path below scripts/. */
  const importsOf = (name: string) =>
    [...(sources.get(name) ?? '').matchAll(/(?:\bfrom|\bimport\(?|new URL\()\s*'([^']+)'/g)].map(
      ([, what = '']) => (what.startsWith('.') ? relative(root, resolve(root, name, '..', what)) : what),
    );
  const imports = (folder: string) =>
    names
      .filter((name) => name.startsWith(folder))
      .flatMap((name) => importsOf(name).map((what) => [name, what] as const));

  test('read the environment in settings.ts only, and where there is no package yet', () => {
    const readers = [...sources].filter(([, text]) =>
      /process\s*\.\s*env\b|node:process'|[{,]\s*env\s*[,}].*= process/.test(text),
    );
    expect(readers.map(([name]) => name).sort()).toEqual([
      'settings/commands/sync.ts',
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

  test('of cvd/ import nothing but node:crypto, pako, limits and themselves', () => {
    expect(imports('cvd/').length).toBeGreaterThan(20);
    const others = imports('cvd/').filter(
      ([, what]) => !/^(node:crypto|pako|base\/limits\/databases\.ts|cvd\/.*)$/.test(what),
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
    const outside = imports('').filter(([, what]) => what.startsWith('.') || what in devDependencies);
    expect(outside).toEqual([]);
  });

  test('exist wherever they are imported from', () => {
    const lost = imports('').filter(([, what]) => what.endsWith('.ts') && !sources.has(what));
    expect(lost).toEqual([]);
  });
});
