import type { Command } from 'commander';
import { optionsByName } from '../../settings/commands/commands.ts';
import { CONFIG_OPTION } from '../../settings/config/option.ts';
import { variableOf } from '../../settings/read.ts';
import { flagOf, settingsFrom } from './command.ts';

export function addConfig(program: Command): void {
  const config = program
    .command('config')
    .argument('[command]', 'the command that the settings are for', 'sync')
    .description('show the settings that hold for a command, and where each comes from')
    .option('--json', 'print one JSON object instead of text')
    .addOption(flagOf(CONFIG_OPTION))
    .addHelpText(
      'after',
      `
A setting comes from a flag, else its variable, else the settings file, else it is the default. The file has the options
of every command, and objects with options for one command alone:
  {
    "store": "/srv/clamav",                      // relative paths start from the folder of the file
    "databases": ["main", "daily", "bytecode"],
    "cdiffs": 60,
    "serve": { "address": "0.0.0.0" },
  }
It is the file that --config or ${variableOf('config')} names, else ~/.config/clamav-mirror.json, else
/etc/clamav-mirror.json. None is read from the folder you are in, which may be a stranger's that you are about to scan.
Nobody but you and root may be able to write to it. site/clamav-mirror.schema.json describes every key, for editors.

Give it flags too, to see what they change. Secrets are not shown.

Exit codes: 0 the settings are right, 2 something is wrong with them; the error says where.

Examples:
  clamav-mirror config
  clamav-mirror config serve --port 80
  clamav-mirror config --json | jq '.settings[] | select(.source != "default")'`,
    )
    .action(async (name: string, { json, ...flags }) => {
      const { config: show } = await import('../config.ts');
      show(name, await settingsFrom(name, flags), json === true);
    });
  for (const [option] of optionsByName().values())
    if (option !== undefined) config.addOption(flagOf(option).hideHelp());
}
