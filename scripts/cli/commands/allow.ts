import type { Command } from 'commander';
import { command, end, settingsFrom } from './command.ts';

export function addAllow(program: Command): void {
  command(program, 'allow')
    .argument('<name|sha256>', 'a signature by the name that ClamAV prints, or a file by its SHA-256')
    .description(
      'make a false alarm go away on all clients: switch a signature off, or let nothing be found in a file',
    )
    .option('--json', 'print one JSON object about the result instead of text')
    .addHelpText(
      'after',
      `
The allow list is published as local.ign2 (signatures) and local.sfp (files), which clients take at their next check if
their freshclam.conf names them by DatabaseCustomURL: "client-config" and "client" write these lines. Before that, every
engine must show that it finds everything else with the list, EICAR above all. A name must match exactly, and switches off
all signatures of this name. An entry with --until ends by itself, with the first sync after it.

For a list that is kept in a file, see --allow-list of sync. Nobody can change its entries here.

Exit codes:
  0  published
  1  failed: no engine, a full disk ...; the list stays as it was
  2  wrong usage
  3  refused: with this entry, EICAR is not found, or too much else

Examples:
  clamav-mirror allow Win.Trojan.Agent-1234 --reason "flags our installer 7.2" --until 30d
  clamav-mirror allow "$(sha256sum setup.exe | cut -c -64)" --reason "our installer 7.2"
  clamav-mirror disallow Win.Trojan.Agent-1234`,
    )
    .action(async (what: string, flags) => {
      const { allow } = await import('../allow.ts');
      return await end(allow(what, await settingsFrom('allow', flags), flags.json === true));
    });
}

export function addDisallow(program: Command): void {
  command(program, 'disallow')
    .argument('<name|sha256>', 'an entry of the allow list; "status" shows them')
    .description('take an entry from the allow list: clients find it again after their next check')
    .option('--json', 'print one JSON object about the result instead of text')
    .addHelpText(
      'after',
      `
Exit codes: 0 published, 1 failed, or there is no such entry, 2 wrong usage, 3 the rest of the list could not be proven.`,
    )
    .action(async (what: string, flags) => {
      const { disallow } = await import('../allow.ts');
      return await end(disallow(what, await settingsFrom('disallow', flags), flags.json === true));
    });
}
