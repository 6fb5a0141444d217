import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, type TestContext } from 'vitest';
import { realPart } from '../setup/real-part.ts';

const root = await realPart('root', () => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new Error('only root on Linux can play another user, who has no rights');
});

/** Like `describe`, and skipped where tests cannot play another user. */
export function describeAsRoot(name: string, body: () => void): void {
  if ('have' in root) describe(name, body);
  else describe(name, { skip: true, meta: { missing: root.missing } }, body);
}

/** Skips a test where it cannot play another user. */
export function skipUnlessRoot({ skip }: Pick<TestContext, 'skip'>): void {
  if ('missing' in root) skip(root.missing);
}

/** Has no files and no rights. */
export const NOBODY = 65_534;

/** Runs JavaScript again and again as somebody who has no rights on this machine, until it is let go. */
export async function startOtherUser(script: string): Promise<AsyncDisposable & { said(): string }> {
  const program = `
    const fs = require('node:fs');
    const net = require('node:net');
    const { join } = require('node:path');
    const attempt = (act) => { try { return act(); } catch {} };
    process.on('uncaughtException', () => {});
    console.log('ready');
    (async () => { for (;;) { ${script}; await new Promise(setImmediate); } })();`;
  const child: ChildProcess = spawn(process.execPath, ['--input-type=commonjs', '--eval', program], {
    uid: NOBODY,
    gid: NOBODY,
    cwd: '/',
    env: {},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'exit');
  await Promise.race([once(child.stdout ?? child, 'data'), ended]);
  if (child.exitCode !== null) throw new Error('the other user did not come');
  return {
    said: () => said,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
