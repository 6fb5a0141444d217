import { spawnSync } from 'node:child_process';

/** Program for python3 that compresses its standard input as sigtool does. */
export const STOCK_ZLIB = `
import sys, zlib
z = zlib.compressobj(9, zlib.DEFLATED, 31, 8, zlib.Z_FILTERED)
while chunk := sys.stdin.buffer.read(1 << 18):
    sys.stdout.buffer.write(z.compress(chunk))
sys.stdout.buffer.write(z.flush())
`;

/** Compresses bytes with stock zlib. */
export function deflateWithStockZlib(bytes: Uint8Array): Buffer {
  const { stdout, status, stderr } = spawnSync('python3', ['-c', STOCK_ZLIB], {
    input: bytes,
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`python3: ${stderr}`);
  return stdout;
}
