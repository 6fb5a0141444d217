import type { Command } from 'commander';
import { command, end, settingsFrom } from './command.ts';

export function addServe(program: Command): void {
  command(program, 'serve')
    .description('serve a published mirror over HTTP until interrupted')
    .option('--json', 'print one JSON object per request instead of text')
    .addHelpText(
      'after',
      `
It serves what sync published. It answers Range requests, so a client's version check costs 512 bytes. For many clients,
point nginx, lighttpd or Caddy at the same folder instead.

Example:
  clamav-mirror serve --store /srv/clamav --address 0.0.0.0 --port 80`,
    )
    .action(async (flags) => {
      const { serve } = await import('../serve.ts');
      return await end(serve(await settingsFrom('serve', flags), flags.json === true));
    });
}

export function addRun(program: Command): void {
  command(program, 'run')
    .description('serve a mirror and keep it up to date, in one process that runs until it is told to end')
    .option('--json', 'print one JSON object per event instead of text')
    .addHelpText(
      'after',
      `
It serves the store as serve does, and syncs as sync does: once at the start, then about every --every minutes, while it
serves. A cycle runs in a process of its own, so that one that dies takes nothing along. It takes the options of sync,
but not those for one cycle: for --accept, --retry and --resync, run sync beside it. A bucket (s3://) is kept up to date
and not served.

To ask for a cycle now, send SIGHUP, or, with --socket, POST /sync. SIGTERM and Ctrl-C end it within ten seconds: a
cycle that is under way is broken off, and what is published stays whole.

On the admin address:
  /healthz   200 while it lives
  /readyz    200 if it serves a whole, proven set, and the last good check of upstream is not older than --max-age
  /metrics   for Prometheus: what metrics.prom says, and cycles, the last exit, the next start, requests

It prints one line for each cycle. --verbose prints requests and every detail, --quiet only news, warnings and errors.

Exit codes: 0 told to end, 1 it could not start (a port is taken, another one keeps this mirror ...), 2 wrong usage.

Examples:
  clamav-mirror run --store /srv/clamav --address 0.0.0.0 --port 80
  clamav-mirror run --store /srv/clamav --every 30 --socket /run/clamav-mirror/socket --json
  curl --unix-socket /run/clamav-mirror/socket --request POST http://localhost/sync`,
    )
    .action(async (flags) => {
      const { run } = await import('../run.ts');
      return await end(run(await settingsFrom('run', flags), flags.json === true));
    });
}
