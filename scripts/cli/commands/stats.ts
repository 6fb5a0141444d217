import type { Command } from 'commander';
import { command, end, settingsFrom } from './command.ts';

export function addStats(program: Command): void {
  command(program, 'stats')
    .argument('<files...>', 'access logs of the host, compressed by gzip or not; - for stdin')
    .description('say who takes what from a mirror, and who is behind, by the access logs of its host')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `
It reads logs of nginx, Apache (common, combined, %O) and lighttpd, Caddy's JSON, CloudFront's standard logs, S3's server
access logs, Cloudflare's Logpush for a bucket of R2, and what "serve --json" and "run --json --verbose" print. The format of
each log is found by its first lines. The order of the logs does not matter.

A client is an address with a User-Agent, in which freshclam has an identifier of its own. Requests of our own probe, watch,
client and sync, and of ClamAV-MirrorCheck, are left out and counted; name further monitors by --monitors.

A log does not say which version a client has. It is told by its last CDIFF, its last whole CVD, or its last check after
which it took nothing. "behind" has come since a version was there that is a day old now, and has an earlier one; "silent"
has not come since, as a client that asks DNS does if it is current, or one that is gone.

Exit codes: 0 read, broken lines included; 1 a log could not be read, or not to its end; 2 wrong usage.

Examples:
  clamav-mirror stats /var/log/nginx/clamav-mirror.log*
  clamav-mirror stats /var/log/apache2/clamav-mirror.log --days 7 --store /srv/clamav
  journalctl -u clamav-mirror -o cat | clamav-mirror stats - --json | jq .days
  clamav-mirror stats /var/log/caddy/*.log --store /srv/clamav --page /srv/clamav/local_stats`,
    )
    .action(async (files: string[], flags) => {
      const { stats } = await import('../stats.ts');
      return await end(stats(files, await settingsFrom('stats', flags), flags.json === true));
    });
}
