import { describe, expect, test } from 'vitest';
import { foreignFiles, isDatabaseFile } from '../../../scripts/mirror/foreign/foreign-files.ts';
import { databaseRecord, described, manifestOf } from '../../store/support.ts';

describe('a database file by its name', () => {
  test.each([
    ...['test.cvd', 'test.cld', 'test.cud', 'test-6.cdiff', 'test-6.cdiff.sign', 'test-6.cvd.sign'],
    ...['test-6.cld', 'test.cvd.sign', 'test-4.cvd', 'safebrowsing.cvd'],
  ])('is %s', (name) => expect(isDatabaseFile(name)).toBe(true));

  test.each([
    ...[
      'local_rules.cvd',
      'archive/test-5.cvd',
      'archive/test.cld',
      'notes.txt',
      'rules.ndb',
      'a.b.cvd',
      '.test.cld',
      'test.cvd.tmp',
    ],
    ...['other/test.cvd', 'archive/../test.cvd', 'index.html', 'manifest.json', 'my test.cvd', 'test.cvd\n'],
  ])('is not %j', (name) => expect(isDatabaseFile(name)).toBe(false));
});

describe('of a mirror of version 6', () => {
  const names = ['test.cvd', 'test-5.cdiff', 'test-6.cdiff', 'archive/test-5.cvd'];
  const files = Object.fromEntries(names.map((name) => [name, described(name)]));
  const manifest = manifestOf({ test: databaseRecord(6) }, files, {
    retired: ['test-2.cdiff', 'test.cld', 'other-3.cdiff'],
  });

  test('what the manifest names is not foreign', () => {
    expect(foreignFiles(manifest, [...names, 'manifest.json', 'index.html'])).toEqual([]);
  });

  test('what a publication brings before its manifest, or removes after it, is not foreign', () => {
    const coming = ['test-7.cdiff', 'test-7.cdiff.sign', 'test-7.cvd.sign'];
    expect(foreignFiles(manifest, [...coming, 'test-2.cdiff'])).toEqual([]);
  });

  test('all else that clients would take for a database is', () => {
    const foreign = ['main.cvd', 'other-3.cdiff', 'test-3.cdiff', 'test-6.cvd.sign', 'test.cld'];
    expect(foreignFiles(manifest, foreign)).toEqual(foreign);
    expect(foreignFiles(manifest, ['constructor.cvd', '__proto__-7.cdiff', 'toString-1.cdiff'])).toEqual([
      'constructor.cvd',
      'toString-1.cdiff',
    ]);
  });

  test('nothing is, while there is no manifest', () => {
    expect(foreignFiles(undefined, ['test.cld'])).toEqual([]);
  });
});
