import { spawnSync } from 'node:child_process';
import { describe } from 'vitest';

const missing =
  spawnSync('python3', ['-c', 'import zlib']).status === 0 ? undefined : 'python3 with its zlib';

/** Like `describe`, and skipped where there is no python3, whose zlib is the stock one. */
export function describeWithPython(name: string, body: () => void): void {
  if (missing === undefined) describe(name, body);
  else describe(name, { skip: true, meta: { missing } }, body);
}

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
