import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { asVerdict } from '../../scripts/files/verify.ts';
import { CdiffVerifier } from '../../scripts/verify/cdiff.ts';
import { CvdVerifier } from '../../scripts/verify/cvd.ts';
import { VerifyError } from '../../scripts/verify/error.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { everyNth } from '../support/sample.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';

const HEADER_SIZE = 512;

type Verify = (bytes: Uint8Array) => unknown;
const asCvd: Verify = (bytes) => verdictOf(new CvdVerifier(TALOS, { database: 'test', version: 6 }), bytes);
const asCdiff: Verify = (bytes) =>
  verdictOf(new CdiffVerifier(TALOS, { database: 'test', version: 2 }), bytes);

function verdictOf(verifier: { write(chunk: Uint8Array): void; end(): unknown }, bytes: Uint8Array): unknown {
  return asVerdict(() => {
    verifier.write(bytes);
    return verifier.end();
  });
}

/** Which of these changes of a file are not refused with a verdict. */
function unnoticed(verify: Verify, changes: Iterable<[what: string, bytes: Uint8Array]>): string[] {
  const missed: string[] = [];
  for (const [what, bytes] of changes) {
    try {
      verify(bytes);
      missed.push(what);
    } catch (error) {
      if (!(error instanceof VerifyError)) missed.push(`${what}: ${error}`);
    }
  }
  return missed;
}

/** The file with bytes from `from` up to `to` changed one at a time; the changes give which bits flip at an offset. */
function* flipped(
  file: Buffer,
  from: number,
  to: number,
  bits: (at: number) => readonly number[],
): Generator<[string, Uint8Array]> {
  for (const at of everyNth(5, [...file.keys()].slice(from, to))) {
    for (const bit of bits(at)) {
      const bytes = Buffer.from(file);
      bytes[at] = (bytes[at] ?? 0) ^ bit;
      yield [`byte ${at} xor ${bit}`, bytes];
    }
  }
}

function* cut(file: Buffer, lengths: Iterable<number>): Generator<[string, Uint8Array]> {
  for (const length of lengths) yield [`${length} bytes`, file.subarray(0, length)];
}

function* extended(file: Buffer): Generator<[string, Uint8Array]> {
  for (const more of [' ', '\n', '\0', 'x', '\0'.repeat(512), ':', file.toString('latin1')]) {
    yield [
      `${JSON.stringify(more.slice(0, 3))} appended`,
      Buffer.concat([file, Buffer.from(more, 'latin1')]),
    ];
    yield [
      `${JSON.stringify(more.slice(0, 3))} in front`,
      Buffer.concat([Buffer.from(more, 'latin1'), file]),
    ];
  }
}

const EVERY_BIT = [1, 2, 4, 8, 16, 32, 64, 128];

describeWithOfficial('what Talos signed', () => {
  test('is refused with any bit of a CVD header flipped', async () => {
    const file = await readFile(official('test-6.cvd'));
    expect(
      unnoticed(
        asCvd,
        flipped(file, 0, HEADER_SIZE, () => EVERY_BIT),
      ),
    ).toEqual([]);
  });

  test('is refused with any byte of a CVD changed', async () => {
    const file = await readFile(official('test-6.cvd'));
    const bits = (at: number) => [EVERY_BIT[at % 8] ?? 1];
    expect(unnoticed(asCvd, flipped(file, HEADER_SIZE, file.length, bits))).toEqual([]);
  });

  test('is refused with any bit of a CDIFF flipped', async () => {
    const file = await readFile(official('test-2.cdiff'));
    expect(
      unnoticed(
        asCdiff,
        flipped(file, 0, file.length, () => EVERY_BIT),
      ),
    ).toEqual([]);
  });

  test('is refused when it is cut anywhere', async () => {
    const cvd = await readFile(official('test-6.cvd'));
    const cdiff = await readFile(official('test-2.cdiff'));
    const lengths = [...cvd.keys()].filter(
      (length) => length < 600 || length % 8 === 0 || length > cvd.length - 600,
    );
    expect(unnoticed(asCvd, cut(cvd, everyNth(5, lengths)))).toEqual([]);
    const [none, ...rest] = cdiff.keys(); // of 0 bytes it is another thing: "take the full CVD"
    expect(none).toBe(0);
    expect(unnoticed(asCdiff, cut(cdiff, everyNth(5, rest)))).toEqual([]);
  });

  test('is refused with anything in front of it or behind it', async () => {
    expect(unnoticed(asCvd, extended(await readFile(official('test-6.cvd'))))).toEqual([]);
    expect(unnoticed(asCdiff, extended(await readFile(official('test-2.cdiff'))))).toEqual([]);
  });

  test('is proven as it is', async () => {
    expect(asCvd(await readFile(official('test-6.cvd')))).toMatchObject({ database: 'test' });
    expect(asCdiff(await readFile(official('test-2.cdiff')))).toMatchObject({ database: 'test', version: 2 });
  });
});
