import { describe, expect, test } from 'vitest';
import { MANIFEST_DATABASES, MANIFEST_FILES } from '../../scripts/base/limits/manifest.ts';
import { encodeManifest } from '../../scripts/mirror/manifest.ts';
import { parseOwnManifest, unreadNames } from '../../scripts/mirror/own-manifest.ts';
import { databaseRecord, described, manifestOf } from '../store/support.ts';

const held = { since: '2026-05-01T00:00:00.000Z', reason: 'it flags our installer' };
const MANIFEST = manifestOf(
  { daily: databaseRecord(28001), test: databaseRecord(6, { held, missingCdiffs: [3] }) },
  { 'daily.cvd': described('daily'), 'test.cvd': described('test') },
);

/** The manifest with other words for databases and files. */
function parse(change: { databases?: object; files?: object; [name: string]: unknown }) {
  const { databases, files, ...rest } = change;
  const changed = {
    ...MANIFEST,
    databases: { ...MANIFEST.databases, ...databases },
    files: { ...MANIFEST.files, ...files },
    ...rest,
  };
  return parseOwnManifest(JSON.stringify(changed), 'here');
}

describe('the manifest of a store of ours', () => {
  test('is taken whole where all of it can be understood', () => {
    expect(parseOwnManifest(encodeManifest(MANIFEST), 'here')).toEqual({
      manifest: MANIFEST,
      unread: undefined,
    });
  });

  test('loses a database that cannot be understood, and keeps what it can of it', () => {
    const { manifest, unread } = parse({
      databases: { test: { ...MANIFEST.databases.test, signatures: -1, missingCdiffs: [3, 2 ** 53] } },
    });
    expect(Object.keys(manifest.databases)).toEqual(['daily']);
    expect(manifest.files).toEqual(MANIFEST.files);
    const { signatures: _, ...parts } = MANIFEST.databases.test ?? {};
    expect(unread?.databases.get('test')).toMatchObject({ parts, isPinLost: false });
    expect(unread?.databases.get('test')?.parts).not.toHaveProperty('signatures');
  });

  test('tells of a pin that says nothing', () => {
    const { unread } = parse({ databases: { test: { ...databaseRecord(6), held: 'for ever' } } });
    expect(unread?.databases.get('test')).toMatchObject({ parts: databaseRecord(6), isPinLost: true });
  });

  test('loses files without a size or a hash, and names that are none', () => {
    const name = '../../etc/passwd';
    const { manifest, unread } = parse({
      files: { 'test.cvd': { size: 2 ** 53, sha256: 'x' }, [name]: described('') },
      databases: { [name]: databaseRecord(1) },
    });
    expect(Object.keys(manifest.files)).toEqual(['daily.cvd']);
    expect(manifest.databases).toEqual(MANIFEST.databases);
    expect(unreadNames(unread)).toEqual(['test.cvd', name, name]);
  });

  test.each([
    ['without JSON', '{'],
    ['without databases', JSON.stringify({ ...MANIFEST, databases: undefined })],
    ['with a list for its databases', JSON.stringify({ ...MANIFEST, databases: [] })],
    ['with a text for its files', JSON.stringify({ ...MANIFEST, files: 'many' })],
    ['without a proof', JSON.stringify({ ...MANIFEST, proof: undefined })],
    ['that was checked at no time', JSON.stringify({ ...MANIFEST, checked: 'lately' })],
    ['that retires others’ files', JSON.stringify({ ...MANIFEST, retired: ['../up'] })],
    ['of an earlier format', JSON.stringify({ ...MANIFEST, format: 0 })],
  ])('%s is refused', (_, text) => {
    expect(() => parseOwnManifest(text, 'here')).toThrow(expect.objectContaining({ code: 'store/manifest' }));
  });

  test('with more databases or files than any mirror has is refused, though none can be understood', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`d${at}`, null]));
    for (const change of [{ databases: many(MANIFEST_DATABASES + 1) }, { files: many(MANIFEST_FILES + 1) }])
      expect(() => parse(change)).toThrow(expect.objectContaining({ code: 'store/manifest' }));
  });

  test('of a later format asks for a newer tool', () => {
    expect(() => parse({ format: 2 })).toThrow(expect.objectContaining({ code: 'store/newer' }));
  });
});
