import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { REBUILD_MS } from '../../scripts/base/limits/databases.ts';
import { encodeHeader, parseHeader } from '../../scripts/cvd/header.ts';
import type { RebuildTask } from '../../scripts/rebuild/messages.ts';
import { rebuildCvd } from '../../scripts/rebuild/rebuild-cvd.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { makeChain } from '../support/databases/chain.ts';
import { signatureLines } from '../support/databases/signatures.ts';
import { makeTestKeys, testTrust } from '../support/databases/signing.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';

describeWithOfficial("a rebuild of Talos' database in two threads", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rebuild-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const taskFor = async (
    from: number,
    to: number,
    change: Partial<RebuildTask> = {},
  ): Promise<RebuildTask> => {
    const start = (await readFile(official(`test-${to}.cvd`))).subarray(0, 522);
    const steps = Array.from({ length: to - from }, (_, index) => from + 1 + index);
    return {
      database: 'test',
      old: official(`test-${from}.cvd`),
      cdiffs: steps.map((version) => ({ version, path: official(`test-${version}.cdiff`) })),
      header: parseHeader(start.subarray(0, 512)),
      gzipHeader: Uint8Array.from(start.subarray(512)),
      output: join(folder, `${from}-${to}.cvd`),
      ...change,
    };
  };

  test.each([
    [1, 2],
    [2, 3],
    [5, 6],
    [1, 6],
  ])('gives the official file: %i to %i', async (from, to) => {
    const task = await taskFor(from, to);
    const progress: number[] = [];
    const { header } = await rebuildCvd(task, TALOS, (bytes) => progress.push(bytes));
    expect(header.version).toBe(to);
    expect(progress.at(-1)).toBeGreaterThan(10_000);
    expect((await readFile(task.output)).equals(await readFile(official(`test-${to}.cvd`)))).toBe(true);
  });

  test('of several at once gives each', async () => {
    const tasks = await Promise.all([taskFor(1, 3), taskFor(1, 4), taskFor(1, 5), taskFor(2, 6)]);
    const made = await Promise.all(tasks.map((task) => rebuildCvd(task, TALOS)));
    expect(made.map(({ header }) => header.version)).toEqual([3, 4, 5, 6]);
  });

  test('that does not come out as the header says is not proven', async () => {
    const task = await taskFor(5, 6);
    const gzipHeader = Uint8Array.from(task.gzipHeader, (byte, at) => (at === 8 ? 0 : byte)); // XFL
    await expect(rebuildCvd({ ...task, gzipHeader }, TALOS)).rejects.toMatchObject({
      code: 'verify/mismatch',
    });
  });

  test('fails, and does not hang, when a CDIFF does not fit', async () => {
    const task = await taskFor(4, 6);
    const cdiffs = task.cdiffs.slice(1);
    await expect(rebuildCvd({ ...task, cdiffs }, TALOS)).rejects.toMatchObject({ code: 'cvd/rebuild' });
  });

  test('fails, and does not hang, when its time is up', async () => {
    const { setTimeout } = globalThis;
    const hastened = vi
      .spyOn(globalThis, 'setTimeout')
      .mockImplementation(((run: () => void, after: number) =>
        setTimeout(run, after === REBUILD_MS ? 0 : after)) as typeof setTimeout);
    onTestFinished(() => hastened.mockRestore());
    await expect(rebuildCvd(await taskFor(1, 6), TALOS)).rejects.toThrow(/thread ended/);
    expect(hastened).toHaveBeenCalledWith(expect.anything(), REBUILD_MS);
  });

  test('fails, and does not hang, when a file is missing or the output cannot be written', async () => {
    await expect(rebuildCvd(await taskFor(1, 2, { old: join(folder, 'none') }), TALOS)).rejects.toThrow(
      'ENOENT',
    );
    const output = join(folder, 'no-folder', 'new.cvd');
    await expect(rebuildCvd(await taskFor(1, 2, { output }), TALOS)).rejects.toThrow('ENOENT');
  });
});

describe('a rebuild of a database of some windows', () => {
  const lines = Buffer.concat([...signatureLines(300_000)]);
  const [old, next] = makeChain(
    'test',
    [lines, Buffer.concat([lines, Buffer.from('more\n')])].map((bytes) => new Map([['test.hdb', bytes]])),
  );

  /** Counts how often the new container was begun. */
  async function attemptsFrom(cvd: Buffer): Promise<number> {
    const folder = await mkdtemp(join(tmpdir(), 'rebuild-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    if (next?.cdiff === undefined) throw new Error('no chain');
    const paths = {
      old: join(folder, 'old.cvd'),
      cdiff: join(folder, 'cdiff'),
      output: join(folder, 'new.cvd'),
    };
    await writeFile(paths.old, cvd);
    await writeFile(paths.cdiff, next.cdiff);
    let [attempts, last] = [0, Number.POSITIVE_INFINITY];
    await rebuildCvd(
      {
        database: 'test',
        old: paths.old,
        cdiffs: [{ version: 2, path: paths.cdiff }],
        header: parseHeader(next.cvd.subarray(0, 512)),
        gzipHeader: Uint8Array.from(next.cvd.subarray(512, 522)),
        output: paths.output,
      },
      testTrust(),
      (packed) => {
        if (packed < last) attempts++;
        last = packed;
      },
    );
    expect((await readFile(paths.output)).equals(next.cvd)).toBe(true);
    return attempts;
  }

  test('takes over what stock zlib made of the old one', async () => {
    expect(await attemptsFrom(old?.cvd ?? Buffer.alloc(0))).toBe(1);
  });

  test('searches anew if another zlib made the old one', async () => {
    const cvd = old?.cvd ?? Buffer.alloc(0);
    const body = gzipSync(gunzipSync(cvd.subarray(512)), { level: 1 });
    const md5 = createHash('md5').update(body).digest('hex');
    const header = { ...parseHeader(cvd.subarray(0, 512)), md5, dsig: makeTestKeys().signHeader(md5) };
    expect(await attemptsFrom(Buffer.concat([encodeHeader(header), body]))).toBe(2);
  });
});
