import { spawnSync } from 'node:child_process';
import { describeWith } from '../setup/official.ts';
import { triedPart } from '../setup/real-part.ts';

const trial = ['python3', '-c', 'import http.server, zlib'];

/** Like `describe`, and skipped where there is no python3, whose zlib is the stock one. */
export const describeWithPython = describeWith(
  await triedPart('python', trial, 'python3 with its zlib and http.server'),
);

/** A program: compresses its standard input as sigtool does. */
export const STOCK_ZLIB = `
import sys, zlib
z = zlib.compressobj(9, zlib.DEFLATED, 31, 8, zlib.Z_FILTERED)
while chunk := sys.stdin.buffer.read(1 << 18):
    sys.stdout.buffer.write(z.compress(chunk))
sys.stdout.buffer.write(z.flush())
`;

/** What stock zlib makes of these bytes. */
export function deflateWithStockZlib(bytes: Uint8Array): Buffer {
  const { stdout, status, stderr } = spawnSync('python3', ['-c', STOCK_ZLIB], {
    input: bytes,
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`python3: ${stderr}`);
  return stdout;
}
