import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const CHILD = fileURLToPath(new URL('./hostile-child.ts', import.meta.url));

test('files that are made to fill the memory are refused with a verdict, in a quarter of the usual heap', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=256', CHILD]);
  const codes: Record<string, unknown> = JSON.parse(stdout);
  expect(Object.keys(codes).length).toBeGreaterThan(10);
  for (const [what, code] of Object.entries(codes))
    expect([what, code]).toEqual([what, CODES[what] ?? 'verify/format']);
});

/** The others are beyond a limit, or not what their header says. */
const CODES: Readonly<Record<string, string>> = {
  'a CDIFF that opens many .info': 'verify/mismatch',
};
