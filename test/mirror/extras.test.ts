import { describe, expect, test } from 'vitest';
import { isExtraName } from '../../scripts/cvd/extra-names.ts';
import { carriedExtras } from '../../scripts/mirror/extras.ts';
import { encodeManifest, parseManifest } from '../../scripts/mirror/manifest.ts';
import { parseOwnManifest, unreadNames } from '../../scripts/mirror/own-manifest.ts';
import { PROOF_JSON, PROOF_TXT, pagesOf } from '../../scripts/mirror/pages.ts';
import { databaseRecord, described, manifestOf } from '../store/support.ts';
import { allowedEntry, extraRecord, extrasOf } from './extras.ts';

const BARE = manifestOf({ test: databaseRecord(6) }, { 'test.cvd': described('test') });
const withExtras = (extras: unknown) => JSON.stringify({ ...BARE, extras });

describe('the extras of a manifest', () => {
  test('come back as they were written', () => {
    const extras = extrasOf({ 'own.ndb': extraRecord('own') }, [
      allowedEntry('Win.Test-1', { until: '2026-07-01T00:00:00.000Z' }),
      allowedEntry('0'.repeat(64), { from: 'file' }),
    ]);
    expect(parseManifest(encodeManifest({ ...BARE, extras }), 'here')).toEqual({ ...BARE, extras });
  });

  test.each(['../own.ndb', 'daily.ndb', 'main.cvd', 'own.exe', 'local_own.ndb', 'own.cbc', 'own.cfg'])(
    'may not be named %s',
    (name) => {
      expect(() => parseManifest(withExtras(extrasOf({ [name]: extraRecord('') })), 'here')).toThrow();
    },
  );

  test.each(['a name', 'Win.Test-1:x', 'Win.Test-1.UNOFFICIAL', '#Win.Test-1', 'Win.Test-1\n', ''])(
    'may not allow %j',
    (what) => {
      expect(() => parseManifest(withExtras(extrasOf({}, [allowedEntry(what)])), 'here')).toThrow();
    },
  );

  test('that cannot be understood cost a store of ours nothing else', () => {
    const { manifest, unread } = parseOwnManifest(withExtras({ files: 'none' }), 'here');
    expect(manifest).toEqual(BARE);
    expect(unreadNames(unread)).toEqual(['extras']);
  });

  test('keep what can be understood of them: the list of false alarms above all', () => {
    const allowed = [allowedEntry('Win.Test-1'), { what: 'Win.Test-2', until: 'some day' }];
    const files = { 'own.ndb': extraRecord('own'), 'bad.ndb': { size: -1 }, '../x.ndb': extraRecord('x') };
    const { manifest, unread } = parseOwnManifest(
      withExtras({ files, allowed, retired: 'all', proof: 1 }),
      'here',
    );
    expect(manifest.extras).toEqual(
      extrasOf({ 'own.ndb': extraRecord('own') }, [allowedEntry('Win.Test-1')]),
    );
    expect(unreadNames(unread)).toEqual(['extras']);
  });

  test('are carried into the next manifest, without what is retired and gone', () => {
    const extras = { ...extrasOf({ 'own.ndb': extraRecord('own') }), retired: ['gone.ndb', 'going.ndb'] };
    const listing = new Map([['going.ndb', 1]]);
    expect(carriedExtras(extras, listing)).toEqual({ extras: { ...extras, retired: ['going.ndb'] } });
    expect(carriedExtras(undefined, listing)).toEqual({});
  });
});

test('the proof of extras is published beside that of the databases, with the files that it is about', () => {
  const extras = { ...extrasOf({ 'own.ndb': extraRecord('own') }), proof: { ...BARE.proof, duration: 2 } };
  const pages = pagesOf({ ...BARE, extras });
  expect(JSON.parse(pages.get(PROOF_JSON) ?? '')).toEqual({
    ...BARE.proof,
    extras: { files: { 'own.ndb': described('own').sha256 }, ...extras.proof },
  });
  expect(pages.get(PROOF_TXT)).toContain('\nWith them, the extras own.ndb\nProven together: test 6\n');
  expect(pagesOf(BARE).get(PROOF_TXT)).not.toContain('extras');
});

test.each(['sanesecurity.ftm', 'winnow.hdb', 'own-2.ndb', 'rules.yara', 'local.ign2', 'local.sfp'])(
  '%s is a name for an extra',
  (name) => expect(isExtraName(name)).toBe(true),
);
