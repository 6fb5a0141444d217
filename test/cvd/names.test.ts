import { expect, test } from 'vitest';
import {
  archiveName,
  cdiffName,
  cdiffSignName,
  cvdName,
  cvdSignName,
  parseFileName,
} from '../../scripts/cvd/names.ts';

const [database, version] = ['daily', 28001];

test('a name says what its file is', () => {
  const signs = 'daily-28001.cdiff';
  expect(parseFileName(cvdName(database))).toEqual({ kind: 'cvd', database, version: undefined });
  expect(parseFileName('daily-28001.cvd')).toEqual({ kind: 'cvd', database, version });
  expect(parseFileName(cdiffName(database, version))).toEqual({ kind: 'cdiff', database, version });
  expect(parseFileName(cdiffSignName(database, version))).toEqual({ kind: 'sign', database, version, signs });
  const ofCvd = { kind: 'sign', database, version, signs: 'daily.cvd' };
  expect(parseFileName(cvdSignName(database, version))).toEqual(ofCvd);
  expect(parseFileName(archiveName(database, version))).toEqual({ kind: 'archive', database, version });
  expect(archiveName(database, version)).toBe('archive/daily-28001.cvd');
});

test.each([
  ...['', 'daily', 'daily.cld', '.cvd', 'daily-0.cvd', 'daily-01.cdiff', 'daily.cdiff', 'daily.cvd.sign'],
  ...['../daily.cvd', '/daily.cvd', 'other/daily-28000.cvd', 'daily-28000.cvd/', 'daily-28000.cvd\n'],
  ...['archive/', 'archive/daily.cvd', 'archive/daily-28000.cdiff', 'archive/daily-28000.cdiff.sign'],
  ...['archive//daily-28000.cvd', 'archive/../daily-28000.cvd', 'archive/archive/daily-28000.cvd'],
  ...['/archive/daily-28000.cvd', 'Archive/daily-28000.cvd', 'archive\\daily-28000.cvd'],
])('%j is no name of ours', (name) => {
  expect(parseFileName(name)).toBeUndefined();
});
