import type { Command } from 'commander';
import { command, end, settingsFrom } from './command.ts';

export function addChanges(program: Command): void {
  command(program, 'changes')
    .argument('[url]', 'a mirror that is served; without it, the one in --store')
    .description('show which signatures came and went with each version')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `
Each line is a version, with the number of signatures that came (+), went (-) and were exchanged (~). With --from,
--to or --grep, their names follow. A mirror keeps the lists of the last hundred versions of each database in its
folder changes/. It needs no rights but to read.

Exit codes: 0 something is listed, 1 nothing is, or the mirror cannot be read, 2 wrong usage.

Examples:
  clamav-mirror changes --store /srv/clamav
  clamav-mirror changes https://clamav.example --database daily --from 28100 --to 28101
  clamav-mirror changes https://clamav.example --grep emotet
  clamav-mirror changes --store /srv/clamav --json | jq '.databases.daily.versions[-1]'`,
    )
    .action(async (url: string | undefined, flags) => {
      const { changes } = await import('../changes/changes.ts');
      return await end(changes(url, await settingsFrom('changes', flags), flags.json === true));
    });
}

export function addWhen(program: Command): void {
  command(program, 'when')
    .argument('<name>', 'name of a signature, as clamscan prints it')
    .argument('[url]', 'a mirror that is served; without it, the one in --store')
    .description('say with which version a signature came and went, and whether it is served now')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `
It reads the lists of the last hundred versions of each database, as "clamav-mirror changes" does. Of a signature
that did not change in them, it cannot tell whether it is served: --search looks through the served databases of a
store. The ending .UNOFFICIAL, by which ClamAV marks signatures that are not Talos', counts for nothing.

A CDIFF quotes only the beginning of a line that it removes. Where the mirror did not have the version before, such
a line may have no name; then the answer says that it is not certain.

Exit codes: 0 something is known of it, 1 nothing is, or the mirror cannot be read, 2 wrong usage.

Examples:
  clamav-mirror when Win.Trojan.Agent-1234567-0 https://clamav.example
  clamav-mirror when Win.Trojan.Agent-1234567-0 --store /srv/clamav --search
  clamav-mirror when Win.Trojan.Agent-1234567-0 --store /srv/clamav --json | jq .served`,
    )
    .action(async (name: string, url: string | undefined, flags) => {
      const { when } = await import('../changes/when.ts');
      const given = await settingsFrom('when', flags);
      return await end(when(name, url, { given, json: flags.json === true }));
    });
}
