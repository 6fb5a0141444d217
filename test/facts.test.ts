import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEFAULT_IMAGES, PINNED_IMAGES } from '../scripts/engine/default-images.ts';
import { featureTag, parseImage } from '../scripts/engine/images/reference.ts';
import { ACTIONS, DATABASE_MEGABYTES, SUPPORTED_CLAMAV } from './facts.ts';

const ROOT = join(import.meta.dirname, '..');
/** Text for users, readers and runners: everything under version control but the code of tests. */
const texts = execFileSync('git', ['-C', ROOT, 'ls-files', '-z'], { encoding: 'utf8' })
  .split('\0')
  .filter((name) => /\.(ts|js|md|yml)$/.test(name) && (!name.startsWith('test/') || name.endsWith('.md')))
  .map((name) => [name, readFileSync(join(ROOT, name), 'utf8')] as const);

/** Every match of a pattern, with the file that it stands in. */
const found = (pattern: RegExp) =>
  texts.flatMap(([name, text]) => [...text.matchAll(pattern)].map((match) => ({ name, match })));

describe('facts that stand in several files are those of one table', () => {
  test('actions by others are pinned to the same commits everywhere', () => {
    const uses = found(/uses: ([\w-]+\/[\w./-]+)@([0-9a-f]{40} # v[\d.]+)$/gm);
    const seen = new Set(uses.map(({ match }) => match[1]));
    expect([...seen].sort()).toEqual(Object.keys(ACTIONS).sort());
    const others = uses.filter(({ match: [, action = '', pin] }) => ACTIONS[action] !== pin);
    expect(others.map(({ name, match }) => `${name}: ${match[0]}`)).toEqual([]);
  });

  test('images of ClamAV are supported releases, by a name that every engine understands', () => {
    const images = found(/(\S*)clamav\/clamav:(\d+\.\d+)([\w.]*(?:@sha256:[0-9a-f]{64})?)/g);
    expect(images.length).toBeGreaterThan(4);
    for (const { name, match } of images) {
      const [whole, before = '', release = '', rest = ''] = match;
      expect(SUPPORTED_CLAMAV, `${name}: ${whole}`).toContain(release);
      expect(before, `${name}: ${whole}`).toMatch(/docker\.io\/$/);
      if (rest.includes('@'))
        expect(DEFAULT_IMAGES, name).toContain(`docker.io/clamav/clamav:${release}${rest}`);
    }
  });

  test('images are named by digest in one place only, for one supported release each', () => {
    const digests = found(/[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}/g);
    expect(new Set(digests.map(({ name }) => name))).toEqual(new Set(['scripts/engine/default-images.ts']));
    expect(digests.map(({ match }) => match[0])).toEqual(PINNED_IMAGES.map(({ image }) => image));
    const releases = PINNED_IMAGES.map(({ image }) => featureTag(parseImage(image)?.tag ?? ''));
    expect(releases.sort()).toEqual([...SUPPORTED_CLAMAV].sort());
    expect(PINNED_IMAGES.map(({ role }) => role)).toEqual(['newest', 'oldest']);
    for (const { pinned, endOfLife = pinned } of PINNED_IMAGES)
      for (const day of [pinned, endOfLife])
        expect(new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10)).toBe(day);
  });

  test('the sizes that Pages can hold are computed from those of the databases', () => {
    const page = texts.find(([name]) => name === 'site/hosts/pages.md')?.[1] ?? '';
    const { main, daily, bytecode } = DATABASE_MEGABYTES;
    expect(page).toContain(`main of ${main} MB, daily of ${daily} MB and bytecode of ${bytecode} MB`);
    const [cdiffs, signs] = [30 * 0.08, 33 * 0.009];
    const site = main + daily + bytecode + cdiffs + signs;
    const rows = [0, 1, 2, 3].map((count) => {
      const [kept, all] = [site + count * (daily + bytecode), site + count * (main + daily + bytecode)];
      return `| ${count} | ${Math.round(kept)} MB | ${Math.round(all)} MB |`;
    });
    for (const row of rows) expect(page).toContain(row);
  });

  test('no file speaks of the databases by another size', () => {
    const sizes = found(/\b(main|daily) (?:of|has|with|about) (?:about )?([\d.]+) MB/g);
    expect(sizes.length).toBeGreaterThan(3);
    const others = sizes.filter(
      ({ match: [, database, size] }) => DATABASE_MEGABYTES[database as 'main'] !== Number(size),
    );
    expect(others.map(({ name, match }) => `${name}: ${match[0]}`)).toEqual([]);
  });
});
