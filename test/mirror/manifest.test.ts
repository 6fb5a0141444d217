import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeManifest, type Manifest, parseManifest } from '../../scripts/mirror/manifest.ts';
import { pagesOf } from '../../scripts/mirror/pages.ts';
import { databaseRecord, described, manifestOf } from '../store/support.ts';

const MANIFEST: Manifest = manifestOf(
  {
    test: databaseRecord(6, { cdiffs: { first: 4, last: 6 }, missingCdiffs: [3] }),
    daily: databaseRecord(28001),
  },
  { 'test.cvd': described('test'), 'daily.cvd': described('daily') },
);

test('a manifest is parsed into what was encoded', () => {
  expect(parseManifest(encodeManifest(MANIFEST), 'here')).toEqual(MANIFEST);
});

test('a manifest with an archive is parsed into what was encoded', () => {
  const manifest = manifestOf(
    { test: databaseRecord(6) },
    { 'archive/test-5.cvd': described('5'), 'test.cvd': described('test') },
    { retired: ['archive/test-2.cvd', 'test-1.cdiff'] },
  );
  expect(parseManifest(encodeManifest(manifest), 'here')).toEqual(manifest);
});

test('a manifest of any databases and files is parsed into what was encoded', () => {
  const count = fc.nat();
  const record = fc.record({ version: count, signatures: count, fLevel: count, size: count });
  const names = fc.stringMatching(/^[a-z]{1,8}$/);
  fc.assert(
    fc.property(fc.dictionary(names, record), fc.dictionary(names, count), (records, sizes) => {
      const databases = Object.entries(records).map(([name, one]) => [
        name,
        databaseRecord(one.version, one),
      ]);
      const files = Object.entries(sizes).map(([name, size]) => [
        `${name}.cvd`,
        { ...described(name), size },
      ]);
      const manifest = manifestOf(Object.fromEntries(databases), Object.fromEntries(files));
      expect(parseManifest(encodeManifest(manifest), 'here')).toEqual(manifest);
    }),
  );
});

test('a manifest is text with a final newline that people can read', () => {
  expect(encodeManifest(MANIFEST)).toMatch(/^\{\n {2}"format": 1,\n[\s\S]*\n\}\n$/);
});

describe('a manifest is refused', () => {
  const changed = (change: (manifest: Record<string, unknown>) => void) => {
    const manifest = JSON.parse(encodeManifest(MANIFEST));
    change(manifest);
    return JSON.stringify(manifest);
  };
  const test6 = (change: object) =>
    changed((manifest) => {
      manifest.databases = { test: { ...databaseRecord(6), ...change } };
    });
  const refused: Record<string, string> = {
    'if it is empty': '',
    'if it has been cut': encodeManifest(MANIFEST).slice(0, -10),
    'if it is an HTML page': '<html></html>',
    'if it is something else': '[]',
    'if it is null': 'null',
    'without databases': changed((manifest) => {
      delete manifest.databases;
    }),
    'without files': changed((manifest) => {
      delete manifest.files;
    }),
    'without a proof': changed((manifest) => {
      delete manifest.proof;
    }),
    'with a version that is no number': test6({ version: '6' }),
    'with a version that is no whole number': test6({ version: 6.5 }),
    'with a negative size': test6({ size: -1 }),
    'with a size beyond counting': test6({ size: 2 ** 53 }),
    'with a hash that is none': test6({ sha256: 'X' }),
    'with a hash in capitals': test6({ sha256: described('').sha256.toUpperCase() }),
    'with a build time that is none': test6({ built: 'yesterday' }),
    'with a chain without an end': test6({ cdiffs: { first: 4 } }),
    'that retires what is not a file of ours': changed((manifest) => {
      manifest.retired = ['archive/../../etc/passwd'];
    }),
    'without the list of missing CDIFFs': test6({ missingCdiffs: undefined }),
  };
  test.each(Object.entries(refused))('%s', (_, text) => {
    expect(() => parseManifest(text, 'here')).toThrow(expect.objectContaining({ code: 'store/manifest' }));
  });
});

test('a manifest of a format to come asks for a newer tool, and nobody to move it away', () => {
  for (const format of [2, 99, 2 ** 31 - 1]) {
    expect(() => parseManifest(JSON.stringify({ format, databases: 'another way' }), 'here')).toThrow(
      expect.objectContaining({ code: 'store/newer', advice: expect.not.stringContaining('move') }),
    );
  }
  for (const format of [0, -1, 1.5, 2 ** 53, '2', null, true, [2]]) {
    const text = JSON.stringify({ ...MANIFEST, format });
    expect(() => parseManifest(text, 'here')).toThrow(expect.objectContaining({ code: 'store/manifest' }));
  }
});

test('the timestamp is for machines and for people', () => {
  const pages = pagesOf({ ...MANIFEST, checked: '2026-06-01T12:00:00.900Z' });
  expect(pages.get('timestamp')).toBe('1780315200 2026-06-01T12:00:00.900Z\n');
});
