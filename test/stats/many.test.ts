import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { STATS_CLIENTS } from '../../scripts/base/limits/requests.ts';
import { temporaryFolder } from '../store/support.ts';
import { read } from './support.ts';

/** More of everything than is told apart: each line has an address, a User-Agent, a program and a name of its own. */
const LINES = 4 * STATS_CLIENTS;

test('clients, programs and names without end stay within the memory of the thread, and are all counted', async () => {
  const path = join(temporaryFolder(), 'access.log');
  const file = await open(path, 'w');
  for (let at = 0; at < LINES; ) {
    let piece = '';
    for (const end = Math.min(LINES, at + 1000); at < end; at++) piece += lineOf(at);
    await file.write(piece);
  }
  await file.close();
  const report = await read([path]);
  expect(report).toMatchObject({
    ...{ clients: STATS_CLIENTS, requests: LINES, bytes: 7 * LINES },
    beyond: { clients: { requests: LINES - STATS_CLIENTS } },
    ...{ programs: { requests: LINES }, notFound: { requests: LINES } },
  });
});

function lineOf(at: number): string {
  const [seconds, minutes] = [at % 60, Math.floor(at / 60) % 60].map((part) => String(part).padStart(2, '0'));
  const address = `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`;
  const agent = `ClamAV/1.${at} (OS: linux-gnu, ARCH: x86_64, CPU: x86_64, UUID: 00000000-0000-4000-9000-${String(at).padStart(12, '0')})`;
  return `${address} - - [28/Nov/2026:10:${minutes}:${seconds} +0000] "GET /daily-${at + 1}.cdiff?${at} HTTP/1.1" 404 7 "-" "${agent}"\n`;
}
