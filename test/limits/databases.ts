import { expect } from 'vitest';
import {
  FILE_NAME_CHARACTERS,
  NAME_CHARACTERS,
  OID_BYTES,
  SIGN_BYTES,
  SIGN_LINES,
} from '../../scripts/base/limits/databases.ts';
import { encodeStep, parseStep } from '../../scripts/changes/record.ts';
import { parseCommand } from '../../scripts/cvd/cdiff/command.ts';
import { encodeClamSign, parseClamSign } from '../../scripts/cvd/clamsign.ts';
import { signatureName } from '../../scripts/cvd/signature-name.ts';
import { DerReader } from '../../scripts/verify/cms/der.ts';
import { stepWith } from '../changes/facts.ts';
import { elsewhere, ends, fails, type Row } from './rows.ts';

const LINE = { minFLevel: 230, maxFLevel: undefined, signature: Buffer.alloc(3) };
const LIMITS = 'cvd/limits.test.ts';
const PATCH = 'cvd/cdiff/patch.test.ts';
const tooLarge = (name: string, file = LIMITS) => elsewhere('cvd/too-large', file, name);

export const DATABASE_LIMITS: Readonly<Record<string, Row>> = {
  CONTAINER_BYTES: tooLarge('has a limit, whoever reads it'),
  'INFLATION.free': tooLarge('of few bytes inflates to the free ones and no more'),
  'INFLATION.ratio': tooLarge('of many bytes is refused early, in pieces of %d'),
  CVD_ENTRIES: tooLarge('holds as many files as a CVD may have, and not one more'),
  CLD_ENTRIES: tooLarge('holds as many files as a CLD may have, and not one more'),
  ENTRY_BYTES: tooLarge('has no file of 2^31 bytes and more'),
  END_BLOCKS: tooLarge('ends with as many blocks of zeros as GNU tar writes and no more'),
  COPYING_BYTES: tooLarge('holds a COPYING and a .info as long as the limits and no longer'),
  INFO_BYTES: tooLarge('is as long as the limit and no longer'),
  HEADER_NUMBER: elsewhere('cvd/header', LIMITS, 'of a header is what atoi() takes'),
  CDIFF_SIGNATURE_BYTES: elsewhere('cvd/cdiff', LIMITS, 'stands within the last bytes that ClamAV looks at'),
  CDIFF_HEADER_BYTES: elsewhere('cvd/cdiff', LIMITS, 'a header that never ends'),
  SCRIPT_BYTES: tooLarge('is as long as the limit and no longer'),
  SCRIPT_LINES: tooLarge('has as many lines as the limit and no more'),
  SCRIPT_COMMENTS: tooLarge('has as many comments as the limit and no more'),
  LINE_BYTES: elsewhere('cvd/script', 'cvd/cdiff/script.test.ts', 'stops one byte more'),
  SCRIPT_FILES: tooLarge('names as many files as the limit and no more'),
  'PATCH_LIMITS.scripts': tooLarge('stop scripts that are too long together', PATCH),
  'PATCH_LIMITS.edits': tooLarge('stop too many edits', PATCH),
  'PATCH_LIMITS.steps': tooLarge('stop a file that is edited too often, before the stack does', PATCH),
  'PATCH_LIMITS.allSteps': tooLarge('takes as many steps in all files together as the limit and no more'),
  'PATCH_LIMITS.reads': tooLarge('stop files that are moved into one another', PATCH),
  'PATCH_LIMITS.files': tooLarge('makes as many files as the limit and no more'),
  NAME_CHARACTERS: ends('a cut name', () => {
    const line = Buffer.from(`${'N'.repeat(NAME_CHARACTERS + 1)}:0:*:00`);
    expect(signatureName('daily.ndb', line)).toHaveLength(NAME_CHARACTERS);
    const text = encodeStep(stepWith(['N'.repeat(NAME_CHARACTERS + 1)]));
    expect(parseStep(text, 'daily', 2)).toBeUndefined();
  }),
  OLD_CONTAINER_PASSES: tooLarge('is read again as often as the limit says'),
  /** Edits come to their own limit first, which is what this one is made for. */
  REBUILD_HEAP_MB: tooLarge('stop too many edits', PATCH),
  REBUILD_MS: elsewhere('the CVD is downloaded', 'rebuild/rebuild-cvd.it.test.ts', 'when its time is up'),
  PIECE_BYTES: elsewhere(
    'other work goes on',
    'files/feed.test.ts',
    'is fed in pieces, all of it and in order',
  ),
  BUSY_MS: elsewhere('other work goes on', 'files/feed.test.ts', 'between two pieces that take long'),
  SIGN_BYTES: fails('cvd/sign', () => parseClamSign(Buffer.alloc(SIGN_BYTES + 1))),
  SIGN_LINES: fails('cvd/sign', () => parseClamSign(encodeClamSign(Array(SIGN_LINES + 1).fill(LINE)))),
  CHAIN_CERTIFICATES: elsewhere('verify/', 'verify/sign-openssl.it.test.ts', 'with a chain of nine'),
  OID_BYTES: fails('verify/sign-format', () => {
    const content = Buffer.alloc(OID_BYTES + 1, 1);
    new DerReader(Buffer.concat([Buffer.of(0x06, content.length), content]), 'a test').oid();
  }),
  'KEY_BITS.least': elsewhere('verify/', 'verify/sign-openssl.it.test.ts', 'with a key of 1024 bits'),
  /** A longer key takes minutes to be made; the same line refuses it. */
  'KEY_BITS.most': elsewhere('verify/', 'verify/sign-openssl.it.test.ts', 'with a key of 1024 bits'),
  LEFTOVER_FILES: elsewhere('verify/format', 'verify/cld.test.ts', 'after years of daily updates'),
  LEFTOVER_BYTES: elsewhere('verify/format', 'verify/cld.test.ts', 'as soon as that is said'),
  LOADED_FILES: elsewhere('verify/format', 'verify/cld.test.ts', 'with more files than any database has'),
  FILE_NAME_CHARACTERS: fails('cvd/script', () =>
    parseCommand(Buffer.from(`OPEN ${'a'.repeat(FILE_NAME_CHARACTERS + 1)}`)),
  ),
};
