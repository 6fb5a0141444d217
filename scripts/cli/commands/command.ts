import { type Command, Option as Flag } from 'commander';
import { print } from '../../base/log.ts';
import { COMMANDS, type CommandName } from '../../settings/commands/commands.ts';
import { withConfig } from '../../settings/config/config.ts';
import { CONFIG_OPTION } from '../../settings/config/option.ts';
import { given } from '../../settings/environment.ts';
import { formOf } from '../../settings/form.ts';
import { helpOf, type Option } from '../../settings/option.ts';
import type { Given } from '../../settings/read.ts';
import { strangeVariables } from '../../settings/unknown.ts';
import { EXIT, type Verdict } from '../../wiring/exit-code.ts';

/** Adds a command with its options as flags. */
export function command(parent: Command, name: CommandName): Command {
  const made = parent.command(name);
  for (const option of [...COMMANDS[name], CONFIG_OPTION]) made.addOption(flagOf(option));
  return made;
}

/** A flag; that of a list may stand several times. */
export function flagOf(option: Option): Flag {
  const { name, value } = option;
  const flag = new Flag(value === undefined ? `--${name}` : `--${name} ${value}`, helpOf(option));
  const form = formOf(option);
  if (form.kind !== 'list') return flag;
  return flag.argParser((more, before?: string) =>
    before === undefined ? more : `${before}${form.separator}${more}`,
  );
}

/** What was given for a command: flags by option name, without the camelCase of commander, variables, and the file. */
export async function settingsFrom(name: string, flags: Record<string, unknown>): Promise<Given> {
  const entries = Object.entries(flags).flatMap(([key, value]) =>
    typeof value === 'string' || value === true
      ? [[key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), String(value)]]
      : [],
  );
  const all = given(Object.fromEntries(entries));
  for (const warning of strangeVariables(all)) print(process.stderr, [`warning: ${warning}`]);
  return await withConfig(all, name);
}

/** Ends a command with the exit code of its verdict. */
export async function end(verdict: Promise<Verdict>): Promise<void> {
  process.exitCode = EXIT[await verdict];
}
