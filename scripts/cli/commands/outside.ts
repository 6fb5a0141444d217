import type { Command } from 'commander';
import { command, end, settingsFrom } from './command.ts';

export function addProbe(program: Command): void {
  command(program, 'probe')
    .argument('<url>', 'a mirror, as clients have it in DatabaseMirror')
    .description('check any mirror from outside: show what breaks a client, and what to do about it')
    .option('--json', 'print one JSON object instead of a table')
    .addHelpText(
      'after',
      `
It only reads: a few hundred kilobytes, in about 30 requests for each database and one for each CDIFF. --full and
--client download everything.

Exit codes: 0 fit for clients, perhaps with warnings; 1 something breaks a client, or the mirror cannot be reached.

Examples:
  clamav-mirror probe http://mirror.example:8080
  clamav-mirror probe https://mirror.example/clamav --databases daily --dns off --json | jq .verdict`,
    )
    .action(async (url: string, flags) => {
      const { probe } = await import('../probe.ts');
      return await end(probe(url, await settingsFrom('probe', flags), flags.json === true));
    });
}

export function addWatch(program: Command): void {
  command(program, 'watch')
    .argument('<url>', 'a mirror, as clients have it in DatabaseMirror')
    .description(
      'check with real clients that a published mirror is well and up to date; for cron or a monitor',
    )
    .option('--json', 'print one JSON object instead of a table')
    .addHelpText(
      'after',
      `
It runs the checks of probe. Then real clients download everything from the mirror and scan with it. It also checks the
age of the mirror: how far it is behind upstream, when it was last checked, and for how long the .sign of a CVD has been
missing.

Exit codes: 0 well, perhaps with warnings; 1 something breaks a client, the mirror is stale, or it cannot be reached.

Example:
  clamav-mirror watch https://clamav.example --warn-after 24 --fail-after 48`,
    )
    .action(async (url: string, flags) => {
      const { watch } = await import('../watch.ts');
      return await end(watch(url, await settingsFrom('watch', flags), flags.json === true));
    });
}
