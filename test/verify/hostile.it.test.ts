import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { shell } from '../../scripts/setup/shell.ts';

const CHILD = fileURLToPath(new URL('./hostile-child.ts', import.meta.url));

test('files that are made to fill the memory are refused with a verdict, in a quarter of the usual heap', async () => {
  const { stdout } = await shell({
    environment: process.env,
  })`${process.execPath} --max-old-space-size=256 ${CHILD}`;
  const codes: Record<string, unknown> = JSON.parse(stdout);
  expect(Object.keys(codes).length).toBeGreaterThan(10);
  for (const [what, code] of Object.entries(codes))
    expect([what, code]).toEqual([what, CODES[what] ?? 'verify/format']);
});

/** The others are beyond a limit, or not what their header says. */
const CODES: Readonly<Record<string, string>> = {
  'a CDIFF that opens many .info': 'verify/mismatch',
};
