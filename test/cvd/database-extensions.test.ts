import { expect, test } from 'vitest';
import { isInfo, isLeftover, isLoaded } from '../../scripts/cvd/database-extensions.ts';

test.each(['daily.hdb', 'daily.ldb', 'x.CBC', 'a.cdiff.ign2', '.fp', 'rules.Yara', 'inner.cvd', 'old.db2'])(
  'ClamAV loads %s',
  (name) => {
    expect([isLoaded(name), isInfo(name), isLeftover(name)]).toEqual([true, false, false]);
  },
);

test.each(['test-6.cdiff', 'test-6.cdiff.sign', 'freshclam.dat', 'daily.hdb.bak', 'hdb', 'copying'])(
  'ClamAV passes over %s',
  (name) => {
    expect([isLoaded(name), isInfo(name), isLeftover(name)]).toEqual([false, false, true]);
  },
);

test('ClamAV takes any name that ends in .info for the one that lists the files', () => {
  expect(['daily.info', 'X.INFO', '.info'].map(isInfo)).toEqual([true, true, true]);
  expect(['daily.info', 'COPYING'].map(isLeftover)).toEqual([false, false]);
});
