import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { shell } from '../../scripts/setup/shell.ts';
import { writeBigDatabase } from '../support/databases/big-database.ts';
import { makeTestKeys } from '../support/databases/signing.ts';
import { keysToJson, type Measured, measure, say, spread, withFolder } from './support.ts';

const ROUNDS = 3;

/** Deflates a file as sigtool does and prints the seconds it took. */
const STOCK_DEFLATE = `
import sys, time, zlib
start = time.perf_counter()
z = zlib.compressobj(9, zlib.DEFLATED, 31, 8, zlib.Z_FILTERED)
size = 0
with open(sys.argv[1], 'rb') as tar:
    while chunk := tar.read(1 << 18):
        size += len(z.compress(chunk))
size += len(z.flush())
print(time.perf_counter() - start)
`;

/** A daily step of a daily-like database: our rebuild beside stock zlib deflating the same tar. */
export async function rebuild(): Promise<void> {
  await withFolder(async (folder) => {
    const [old, next] = await writeBigDatabase(folder, 'daily', { share: 1, steps: ['day'] });
    if (old === undefined || next?.cdiff === undefined) throw new Error('no chain');
    const tar = join(folder, 'tar');
    await pipeline(createReadStream(next.cvd, { start: 512 }), createGunzip(), createWriteStream(tar));
    const megabytes = (path: string) => (statSync(path).size / 1e6).toFixed(1);
    say(
      `daily 1 → 2: CVD ${megabytes(next.cvd)} MB, tar ${megabytes(tar)} MB, CDIFF ${megabytes(next.cdiff)} MB`,
    );

    const task = { old: old.cvd, next: next.cvd, cdiff: next.cdiff, keys: keysToJson(makeTestKeys().keys) };
    const ratios: number[] = [];
    const runs: Measured[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const ours = await measure('./rebuild-child.ts', { ...task, outputs: [join(folder, 'out')] });
      const { stdout } = await shell({ environment: process.env })`python3 -c ${STOCK_DEFLATE} ${tar}`;
      runs.push(ours);
      ratios.push(ours.seconds / Number(stdout));
      say(`rebuild ${ours.seconds.toFixed(1)} s, stock zlib's deflate ${Number(stdout).toFixed(1)} s`);
    }
    say(`ratio ${spread(ratios)}; peak memory ${spread(runs.map((run) => run.peakMegabytes))} MB`);

    const outputs = ['main', 'daily', 'bytecode'].map((name) => join(folder, name));
    const three = await measure('./rebuild-child.ts', { ...task, outputs });
    say(`three at once: ${three.seconds.toFixed(1)} s, peak memory ${three.peakMegabytes.toFixed(0)} MB`);
  });
}
