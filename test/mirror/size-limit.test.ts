import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf } from '../../scripts/base/errors.ts';
import { archiveName, cdiffName, cdiffSignName, cvdName, cvdSignName } from '../../scripts/cvd/names.ts';
import { archivedVersions } from '../../scripts/mirror/archive.ts';
import { encodeManifest, type Manifest, parseManifest } from '../../scripts/mirror/manifest.ts';
import { pagesOf } from '../../scripts/mirror/pages.ts';
import { fitInto } from '../../scripts/mirror/size-limit.ts';
import type { FileRecord } from '../../scripts/store/file-record.ts';
import { databaseRecord, manifestOf, sha256 } from '../store/support.ts';

interface Sizes {
  readonly version: number;
  readonly cvd: number;
  /** Newest first, as the others. */
  readonly archive: readonly number[];
  /** The first is the one that leads to the version. */
  readonly cdiffs: readonly number[];
  /** Bytes of each `.sign`, if there are any. */
  readonly sign?: number | undefined;
}

/** A mirror of files of these sizes. */
function mirrorOf(databases: Readonly<Record<string, Sizes>>): Manifest {
  const files: Record<string, FileRecord> = {};
  const put = (name: string, size: number) => {
    files[name] = { size, sha256: sha256(name) };
  };
  const records = Object.entries(databases).map(([name, { version, cvd, archive, cdiffs, sign }]) => {
    put(cvdName(name), cvd);
    if (sign !== undefined) put(cvdSignName(name, version), sign);
    for (const [age, size] of archive.entries()) put(archiveName(name, version - 1 - age), size);
    for (const [age, size] of cdiffs.entries()) {
      put(cdiffName(name, version - age), size);
      if (sign !== undefined) put(cdiffSignName(name, version - age), sign);
    }
    const chain = cdiffs.length === 0 ? null : { first: version - cdiffs.length + 1, last: version };
    return [name, databaseRecord(version, { cdiffs: chain })] as const;
  });
  return manifestOf(Object.fromEntries(records), files);
}

function sizeOf(manifest: Manifest): number {
  const pages = [encodeManifest(manifest), ...pagesOf(manifest).values()].map((text) =>
    Buffer.byteLength(text),
  );
  const files = Object.values(manifest.files).map(({ size }) => size);
  return [...pages, ...files].reduce((sum, size) => sum + size, 0);
}

const steps = ({ files, databases }: Manifest, database: string) => {
  const version = databases[database]?.version ?? 0;
  return [...Array(version + 1).keys()].filter((step) => files[cdiffName(database, step)] !== undefined);
};
const archives = (manifest: Manifest) =>
  Object.fromEntries(Object.keys(manifest.databases).map((name) => [name, archivedVersions(manifest, name)]));

const MIRROR = mirrorOf({
  main: { version: 63, cvd: 163e6, archive: [162e6, 161e6], cdiffs: [2e6] },
  daily: {
    ...{ version: 28000, cvd: 62e6, archive: [62e6, 62e6, 62e6], sign: 5e3 },
    cdiffs: Array(30).fill(100_000),
  },
  bytecode: { version: 339, cvd: 3e5, archive: [3e5], cdiffs: Array(30).fill(1000) },
});

describe('a mirror that may take so much', () => {
  test('is left alone where it fits', () => {
    expect(fitInto(MIRROR)).toEqual(MIRROR);
    expect(fitInto(MIRROR, sizeOf(MIRROR))).toEqual(MIRROR);
    expect(fitInto(MIRROR, sizeOf(MIRROR) - 1)).not.toEqual(MIRROR);
    expect(fitInto(MIRROR, sizeOf(MIRROR) + 100, 100)).toEqual(MIRROR);
    expect(fitInto(MIRROR, sizeOf(MIRROR) + 99, 100)).not.toEqual(MIRROR);
  });

  test('lets the oldest of the archive go first, the largest of an age before the others', () => {
    expect(archives(fitInto(MIRROR, 700e6))).toEqual({
      main: [62, 61],
      daily: [27999, 27998],
      bytecode: [338],
    });
    expect(archives(fitInto(MIRROR, 600e6))).toEqual({ main: [62], daily: [27999, 27998], bytecode: [338] });
    expect(archives(fitInto(MIRROR, 300e6))).toEqual({ main: [], daily: [27999], bytecode: [338] });
    expect(steps(fitInto(MIRROR, 300e6), 'daily')).toHaveLength(30);
  });

  test('then shortens the window, of every database alike, and a .sign goes with its CDIFF', () => {
    const fitted = fitInto(MIRROR, 229.5e6);
    expect(archives(fitted)).toEqual({ main: [], daily: [], bytecode: [] });
    const left = steps(fitted, 'daily').length;
    expect(left).toBeGreaterThan(1);
    expect(left).toBeLessThan(30);
    expect(fitted.databases.daily?.cdiffs).toEqual({ first: 28001 - left, last: 28000 });
    expect(fitted.files[cdiffSignName('daily', 28000 - left)]).toBeUndefined();
    expect(fitted.files[cdiffSignName('daily', 28001 - left)]).toBeDefined();
    expect(Math.abs(steps(fitted, 'bytecode').length - left)).toBeLessThanOrEqual(1);
    expect(steps(fitted, 'main')).toEqual([63]);
  });

  test('asks no more for CDIFFs that were missing where the window does not reach', () => {
    const { daily } = MIRROR.databases;
    const missingCdiffs = [27960, 28001];
    const databases = { ...MIRROR.databases, daily: { ...databaseRecord(0), ...daily, missingCdiffs } };
    expect(fitInto({ ...MIRROR, databases }, 229.5e6).databases.daily?.missingCdiffs).toEqual([28001]);
  });

  test('is no mirror if its CVDs do not fit, and it is said what takes how much', () => {
    let error: unknown;
    try {
      fitInto(MIRROR, 225e6);
    } catch (thrown) {
      error = thrown;
    }
    expect(codeOf(error)).toBe('store/too-large');
    expect(error).toHaveProperty('advice', expect.stringContaining('main 165.0 MB, daily 62.1 MB, bytecode'));
  });
});

const anySize = fc.oneof(fc.nat({ max: 2000 }), fc.nat({ max: 2_000_000 }));
const anyDatabase: fc.Arbitrary<Sizes> = fc.record({
  version: fc.integer({ min: 50, max: 99 }),
  cvd: anySize,
  archive: fc.array(anySize, { maxLength: 5 }),
  cdiffs: fc.array(anySize, { maxLength: 40 }),
  sign: fc.option(fc.nat({ max: 9000 }), { nil: undefined }),
});
const anyMirror = fc
  .dictionary(fc.constantFrom('main', 'daily', 'bytecode', 'other'), anyDatabase, { minKeys: 1 })
  .map(mirrorOf);

test('whatever it is: it fits, is whole, and gave up no more and in no other order than it had to', () => {
  fc.assert(
    fc.property(anyMirror, fc.double({ min: 0, max: 1.1, noNaN: true }), (mirror, share) => {
      const limit = Math.floor(sizeOf(mirror) * share);
      let fitted: Manifest;
      try {
        fitted = fitInto(mirror, limit);
      } catch (error) {
        expect(codeOf(error)).toBe('store/too-large');
        return;
      }
      expect(sizeOf(fitted)).toBeLessThanOrEqual(limit);
      expect(fitInto(fitted, limit)).toEqual(fitted); // the next cycle leaves it alone
      expect(parseManifest(encodeManifest(fitted), 'memory')).toEqual(fitted);
      const gone = Object.keys(mirror.files).filter((name) => fitted.files[name] === undefined);
      if (gone.some((name) => name.includes('.cdiff'))) {
        expect(Object.values(archives(fitted)).flat()).toEqual([]);
      }
      const depths = Object.entries(fitted.databases).map(([name, { version, cdiffs }]) => {
        const [had, left] = [steps(mirror, name), steps(fitted, name)];
        const chain = [...Array(version + 1).keys()].slice(cdiffs?.first ?? version + 1);
        expect(left).toEqual(chain); // the manifest says what is there
        expect(left).toEqual(had.slice(had.length - left.length));
        if (had.length > 0) expect(left).toContain(version);
        for (const step of had) {
          const sign = (from: Manifest) => from.files[cdiffSignName(name, step)] !== undefined;
          expect(sign(fitted)).toBe(sign(mirror) && left.includes(step));
        }
        expect(gone).not.toContain(cvdName(name));
        return { had: had.length, left: left.length };
      });
      // a window is shorter than another's by more than a step only if there never was more
      const longest = Math.max(...depths.map(({ left }) => left));
      for (const { had, left } of depths) if (left < longest - 1) expect(left).toBe(had);
    }),
    { numRuns: 100 },
  );
});
