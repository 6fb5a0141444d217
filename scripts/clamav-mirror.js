#!/usr/bin/env node
// The command `clamav-mirror`: finds a Node that can run the TypeScript beside it. Plain JavaScript, so that an old Node
// gets far enough to say that it is too old.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** As `engines` in package.json has it: from here on, Node runs TypeScript and knows the system's certificates. */
const [MAJOR, MINOR] = [24, 5];
/** Brought by `npm ci`, unless that ran with --ignore-scripts. */
const BROUGHT = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
const CLI = fileURLToPath(new URL('cli.ts', import.meta.url));

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > MAJOR || (major === MAJOR && minor >= MINOR)) {
  await import('./cli.ts');
} else if (existsSync(BROUGHT)) {
  // before the child begins: a signal must never end this process alone
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  for (const signal of ['SIGINT', 'SIGHUP'])
    process.on(signal, () => process.stdin.isTTY || child.kill(signal)); // a terminal sends these to both
  const child = spawn(BROUGHT, [CLI, ...process.argv.slice(2)], { stdio: 'inherit' });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
} else {
  process.stderr.write(
    `clamav-mirror needs Node ${MAJOR}.${MINOR} or newer, and this is ${process.versions.node}: run npm ci, which brings one\n`,
  );
  process.exit(2);
}
