import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parseJson } from '../../scripts/base/json.ts';
import {
  ALLOWED,
  EVIDENCE_CHARACTERS,
  EXTRAS,
  FILE_BYTES,
  isPlausibleTime,
  JSON_CONTAINERS,
  MANIFEST_BYTES,
  MANIFEST_DATABASES,
  MANIFEST_FILES,
  MANIFEST_NUMBER,
  REASON_CHARACTERS,
  SIGN_CHARACTERS,
  SIGNATURE_CHARACTERS,
  TIME_MS,
  WORDS_CHARACTERS,
} from '../../scripts/base/limits/manifest.ts';
import { parseManifest } from '../../scripts/mirror/manifest.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { allowedEntry, extraRecord, extrasOf } from '../mirror/extras.ts';
import { databaseRecord, described, manifestOf, temporaryFolder } from '../store/support.ts';
import { elsewhere, ends, fails, type Row } from './rows.ts';

const AT = '2026-06-01T12:00:00.000Z';
const SIGN = { state: 'withheld', since: AT, asked: AT } as const;
const refused = (change: object) =>
  fails('store/manifest', () => parseManifest(JSON.stringify({ ...manifestOf({}, {}), ...change }), 'here'));
const refusedExtras = (change: object) => refused({ extras: { ...extrasOf({}), ...change } });
const withRecord = (change: object) => refused({ databases: { test: { ...databaseRecord(6), ...change } } });
const many = (count: number, value: unknown, suffix = '') =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`d${at}${suffix}`, value]));
const S3 = 'store/s3/attacks.it.test.ts';

export const STORE_LIMITS: Readonly<Record<'manifest' | 'store', Readonly<Record<string, Row>>>> = {
  manifest: {
    MANIFEST_BYTES: fails('store/manifest', () => parseManifest(' '.repeat(MANIFEST_BYTES + 1), 'here')),
    MANIFEST_DATABASES: refused({ databases: many(MANIFEST_DATABASES + 1, databaseRecord(1)) }),
    MANIFEST_FILES: refused({ files: many(MANIFEST_FILES + 1, described(''), '.cvd') }),
    MANIFEST_NUMBER: withRecord({ version: MANIFEST_NUMBER + 1 }),
    FILE_BYTES: fails('store/limit', async () => {
      const folder = temporaryFolder();
      await writeFile(join(folder, 'test.cvd'), '');
      await truncate(join(folder, 'test.cvd'), FILE_BYTES + 1);
      await new FolderStore(folder).fetch('test.cvd', join(folder, 'copy'));
    }),
    WORDS_CHARACTERS: refused({ generator: 'x'.repeat(WORDS_CHARACTERS + 1) }),
    EVIDENCE_CHARACTERS: refused({
      proof: { ...manifestOf({}, {}).proof, started: 'x'.repeat(EVIDENCE_CHARACTERS + 1) },
    }),
    TIME_CHARACTERS: refused({ checked: '2026-06-01T12:00:00.000000000000000000000Z' }),
    'TIME_MS.first': refused({ checked: new Date(TIME_MS.first - 1).toISOString() }),
    'TIME_MS.last': ends('no time of a mirror', () => {
      expect(isPlausibleTime(new Date(TIME_MS.last).toISOString())).toBe(true);
      expect(isPlausibleTime(new Date(TIME_MS.last + 1).toISOString())).toBe(false);
    }),
    'SIGN_CHARACTERS.reason': withRecord({
      sign: { ...SIGN, reason: 'x'.repeat(SIGN_CHARACTERS.reason + 1) },
    }),
    'SIGN_CHARACTERS.etag': withRecord({ sign: { ...SIGN, etag: 'x'.repeat(SIGN_CHARACTERS.etag + 1) } }),
    EXTRAS: refusedExtras({ files: many(EXTRAS + 1, extraRecord(''), '.ndb') }),
    ALLOWED: refusedExtras({
      allowed: Array.from({ length: ALLOWED + 1 }, () => allowedEntry('Win.Test-1')),
    }),
    SIGNATURE_CHARACTERS: refusedExtras({ allowed: [allowedEntry('x'.repeat(SIGNATURE_CHARACTERS + 1))] }),
    REASON_CHARACTERS: refusedExtras({
      allowed: [allowedEntry('Win.Test-1', { reason: 'x'.repeat(REASON_CHARACTERS + 1) })],
    }),
    JSON_CONTAINERS: ends('a RangeError', () => {
      expect(() => parseJson('['.repeat(JSON_CONTAINERS + 1), MANIFEST_BYTES)).toThrow(RangeError);
    }),
  },
  store: {
    LEASE_BYTES: elsewhere('store/limit', S3, 'of the lease'),
    LEASE_UPLOADS: elsewhere('as if there were none', S3, 'of what a lease says'),
    'UPLOAD_CHARACTERS.name': elsewhere('as if there were none', S3, 'of what a lease says'),
    'UPLOAD_CHARACTERS.id': elsewhere('as if there were none', S3, 'of what a lease says'),
    LEASE_SECONDS: elsewhere('it is over', S3, 'of what a lease says'),
    ANSWER_BYTES: elsewhere('store/limit', S3, 'of an answer that is no file'),
    LISTED_OBJECTS: elsewhere('store/limit', S3, 'of a listing that never ends'),
    LISTED_PAGES: elsewhere('store/limit', S3, 'of a listing that never ends'),
    BUCKET_CONNECT_MS: elsewhere(
      'store/unreachable',
      'store/s3/s3.it.test.ts',
      'of an endpoint where nobody is',
    ),
    BUCKET_IDLE_MS: elsewhere(
      'store/unreachable',
      'store/s3/s3.it.test.ts',
      'of an endpoint where nobody is',
    ),
    /** The same line reads an object on trial. */
    TEST_OBJECT_BYTES: elsewhere('store/limit', S3, 'of the lease'),
    COPIES_BYTES: elsewhere(
      'the oldest is removed',
      'mirror/cached-store.test.ts',
      'copies are kept up to a limit',
    ),
  },
};
