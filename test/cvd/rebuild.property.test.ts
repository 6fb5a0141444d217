import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CvdWriter } from '../../scripts/cvd/container/writer.ts';
import { CvdError } from '../../scripts/cvd/error.ts';
import { parseHeader } from '../../scripts/cvd/header.ts';
import { encodeInfo } from '../../scripts/cvd/info.ts';
import { Rebuild } from '../../scripts/cvd/rebuild.ts';
import { VerifyError } from '../../scripts/verify/error.ts';
import { verifyRebuilt } from '../../scripts/verify/rebuilt.ts';
import { diffScript } from '../support/databases/chain.ts';
import { scriptOf } from '../support/databases/containers.ts';
import {
  anyDamage,
  anyFiles,
  anySizes,
  anySteps,
  damaged,
  encodeScript,
  inPieces,
  scriptFor,
  unlessTooLarge,
} from '../support/databases/generate.ts';
import type { Files } from '../support/databases/naive.ts';
import { makeCdiff, makeCvd, makeInfo, testTrust } from '../support/databases/signing.ts';

interface Version {
  readonly version: number;
  readonly cvd: Buffer;
  readonly cdiff: Buffer;
}

/** A database with up to three updates of any kind. */
const anyChain = fc
  .tuple(anyFiles, fc.array(anySteps, { minLength: 1, maxLength: 3 }))
  .map(([files, updates]): Version[] => {
    const versions: Version[] = [
      { version: 1, cvd: makeCvd({ database: 'test', version: 1, files }), cdiff: Buffer.alloc(0) },
    ];
    let before = files;
    for (const [index, steps] of updates.entries()) {
      const version = index + 2;
      const { commands, files: after } = scriptFor(before, steps);
      const script = Buffer.concat([encodeScript(commands), infoScript(before, after, version)]);
      const cvd = makeCvd({ database: 'test', version, files: after });
      versions.push({ version, cvd, cdiff: makeCdiff(version, script) });
      before = after;
    }
    return versions;
  });

function infoScript(before: Files, after: Files, version: number): Buffer {
  const [old, now] = [before, after].map((files, at) => {
    const info = makeInfo({ database: 'test', version: version - 1 + at, files });
    return new Map([['test.info', encodeInfo(info)]]);
  });
  return diffScript(old ?? new Map(), now ?? new Map());
}

function rebuilt(
  old: Buffer,
  cdiffs: readonly { version: number; cdiff: Buffer }[],
  cvd: Buffer,
  sizes: readonly number[],
) {
  const header = parseHeader(cvd.subarray(0, 512));
  const rebuild = new Rebuild({
    database: 'test',
    old: () => inPieces(old, sizes),
    cdiffs: cdiffs.map(({ version, cdiff }) => ({ version, bytes: inPieces(cdiff, sizes) })),
    header,
  });
  const chunks: Uint8Array[] = [];
  const writer = new CvdWriter(header, cvd.subarray(512, 522), (chunk) => chunks.push(chunk));
  for (const chunk of rebuild.tar()) writer.write(chunk);
  // a script may change what .info does not list, its own signature for one: the verdict above is what sees that
  verifyRebuilt('test', header, rebuild.info, writer.end(), testTrust());
  return Buffer.concat(chunks);
}

test('any chain of CDIFFs makes the very bytes of the last version', () => {
  fc.assert(
    fc.property(anyChain, anySizes, ([first, ...updates], sizes) => {
      const last = updates.at(-1);
      if (first === undefined || last === undefined) throw new Error('a chain has two versions');
      const bytes = unlessTooLarge(() => rebuilt(first.cvd, updates, last.cvd, sizes));
      expect(bytes.equals(last.cvd)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

const chains = fc.sample(anyChain, { numRuns: 20, seed: 7 });

test('no damage to the old CVD or a CDIFF makes anything but the new version or an error', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...chains),
      fc.nat({ max: 3 }),
      anyDamage,
      ([first, ...updates], which, damage) => {
        const last = updates.at(-1);
        if (first === undefined || last === undefined) throw new Error('a chain has two versions');
        const old = which === 0 ? damaged(first.cvd, damage) : first.cvd;
        const cdiffs = updates.map(({ version, cdiff }, at) => ({
          version,
          cdiff: which === at + 1 ? damaged(cdiff, damage) : cdiff,
        }));
        try {
          expect(rebuilt(old, cdiffs, last.cvd, [])).toEqual(last.cvd);
        } catch (error) {
          expect(error instanceof CvdError || error instanceof VerifyError).toBe(true);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test('no damage to a script makes anything but the new version or an error', () => {
  fc.assert(
    fc.property(fc.constantFrom(...chains), anyDamage, ([first, second], damage) => {
      if (first === undefined || second === undefined) throw new Error('a chain has two versions');
      const cdiff = makeCdiff(2, damaged(scriptOf(second.cdiff), damage));
      try {
        expect(rebuilt(first.cvd, [{ version: 2, cdiff }], second.cvd, [])).toEqual(second.cvd);
      } catch (error) {
        expect(error instanceof CvdError || error instanceof VerifyError).toBe(true);
      }
    }),
    { numRuns: 400 },
  );
});
