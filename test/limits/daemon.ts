import { PassThrough } from 'node:stream';
import { expect } from 'vitest';
import {
  CYCLE_LINE_CHARACTERS,
  CYCLE_REPORT_BYTES,
  SOCKET_PATH_BYTES,
} from '../../scripts/base/limits/daemon.ts';
import { eachLine, kept } from '../../scripts/daemon/cycles/output.ts';
import { runSettings } from '../../scripts/settings/commands/run.ts';
import { elsewhere, ends, fails, type Row } from './rows.ts';

const PROCESS = 'daemon/cycle-process.test.ts';
const ANSWERS = 'daemon/answers.test.ts';
const PUSHED = 'daemon/push.test.ts';

/** Goes over a limit, or ends in a hurry. */
export const DAEMON_LIMITS: Readonly<Record<string, Row>> = {
  CYCLE_REPORT_BYTES: ends('a cycle whose report is larger counts as one without', async () => {
    const stream = new PassThrough();
    const printed = kept(stream, CYCLE_REPORT_BYTES);
    stream.end(Buffer.alloc(CYCLE_REPORT_BYTES + 1));
    await new Promise((resolve) => stream.once('close', resolve));
    expect(printed()).toBeUndefined();
  }),
  CYCLE_LINE_CHARACTERS: ends('the rest of a longer line is dropped, and marked', async () => {
    const stream = new PassThrough();
    const lines: string[] = [];
    eachLine(stream, CYCLE_LINE_CHARACTERS, (line) => lines.push(line));
    stream.end(`${'x'.repeat(CYCLE_LINE_CHARACTERS + 1)}\nnext`);
    await new Promise((resolve) => stream.once('close', resolve));
    expect(lines).toEqual([`${'x'.repeat(CYCLE_LINE_CHARACTERS)} …`, 'next']);
  }),
  CYCLE_MS: elsewhere('it is ended, and counts as dead', PROCESS, 'that hangs'),
  CYCLE_END_MS: elsewhere('it is killed', PROCESS, 'does not end when it is told to'),
  SOCKET_PATH_BYTES: fails('setting/invalid', () =>
    runSettings({ flags: { socket: `/${'x'.repeat(SOCKET_PATH_BYTES)}` }, environment: {} }),
  ),
  PUSH_BYTES: elsewhere('it is not read', PUSHED, 'that is too long'),
  PUSH_AGE_MS: elsewhere('it does not count', PUSHED, 'that is old'),
  PUSHES: elsewhere('no more is taken for a while', PUSHED, 'more than any mirror sends'),
  PUSH_ID_CHARACTERS: elsewhere('it does not count', PUSHED, 'with an endless id'),
  ADMIN_CONNECTIONS: elsewhere('the connection is closed', ANSWERS, 'more connections'),
};
