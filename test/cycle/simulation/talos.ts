import { createHash } from 'node:crypto';
import { encodeInfo } from '../../../scripts/cvd/info.ts';
import { diffScript } from '../../support/databases/chain.ts';
import { signatureLine } from '../../support/databases/signatures.ts';
import { type CvdParts, makeCdiff, makeCvd, makeInfo } from '../../support/databases/signing.ts';

export const HOUR = 60 * 60_000;
/** The first version is there when a month begins; a new one is built so often. */
export const FIRST = 10;
export const BEGIN = Date.parse('2026-01-05T00:00:00Z');
const EVERY_MS = 22 * HOUR;
/** Enough for thirty days and for those in which a mirror gets well. */
const COUNT = 38;

/** One signed version of `daily`. */
export interface Version {
  readonly number: number;
  readonly cvd: Buffer;
  /** From the version before. */
  readonly cdiff: Buffer;
  /** Bytes with the signed header and a body that is not its own. */
  readonly otherBody: Buffer;
  /** Bytes whose header says another MD5 than the signed one. */
  readonly forged: Buffer;
}

/** All versions of a month and a few days, by number. */
export function makeVersions(): ReadonlyMap<number, Version> {
  const versions = new Map<number, Version>();
  let before: ReadonlyMap<string, Uint8Array> | undefined;
  for (let number = FIRST; number < FIRST + COUNT; number++) {
    const parts: CvdParts = {
      ...{ database: 'daily', version: number, header: builtAt(number) },
      files: new Map([['daily.hdb', Buffer.from(signatureLines(number))]]),
    };
    const all = new Map([['daily.info', encodeInfo(makeInfo(parts))], ...parts.files]);
    const cvd = makeCvd(parts);
    const cdiff = makeCdiff(number, diffScript(before ?? new Map(), all));
    const last = versions.get(number - 1)?.cvd ?? cvd;
    const otherBody = Buffer.concat([cvd.subarray(0, 522), last.subarray(522)]);
    versions.set(number, { number, cvd, cdiff, otherBody, forged: forge(cvd) });
    before = all;
  }
  return versions;
}

/** The newest version at a time. */
export function newestAt(time: number): number {
  return FIRST + Math.floor(Math.max(0, time - BEGIN) / EVERY_MS);
}

/** When a version was built, as its header says it. */
function builtAt(number: number) {
  const stime = Math.floor((BEGIN + (number - FIRST) * EVERY_MS) / 1000);
  const [, day, month, year, clock = ''] = new Date(stime * 1000).toUTCString().split(' ');
  return { stime, time: `${day} ${month} ${year} ${clock.slice(0, 5).replace(':', '-')} +0000` };
}

function signatureLines(number: number): string {
  return Array.from({ length: number }, (_, id) => signatureLine(id, id === 0 ? number : 1)).join('');
}

function forge(cvd: Buffer): Buffer {
  const fields = cvd.subarray(0, 512).toString('latin1').split(':');
  fields[5] = createHash('md5')
    .update(fields[5] ?? '')
    .digest('hex');
  return Buffer.concat([Buffer.from(fields.join(':'), 'latin1'), cvd.subarray(512)]);
}
