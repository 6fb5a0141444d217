import type { TrustedOwners } from '../../files/trusted-owners.ts';
import { optionsByName } from '../commands/commands.ts';
import { type Given, textOf, variableOf } from '../read.ts';
import { findConfig } from './find.ts';

/**
 * Adds to what was given for a command what a file says, as variables that were not set: the file's section for this command
 * counts more than its other keys, and a flag or variable more than both. Throws `setting/invalid` and
 * `setting/unsafe-folder`.
 */
export async function withConfig(from: Given, command: string, owners?: TrustedOwners): Promise<Given> {
  const found = await findConfig(from, owners);
  if (found === undefined) return from;
  const { parseConfig, READS_OF } = await import('./parse.ts'); // the parser is loaded where there is something to parse
  const { shared, sections } = parseConfig(found.text, found.path);
  const all = new Map([...shared, ...(sections.get(READS_OF[command] ?? command) ?? [])]);
  const counting = [...all].filter(([name]) => textOf(name, { ...from, flags: {} }) === undefined);
  const told = Object.fromEntries(counting.map(([name, { text }]) => [variableOf(name), text]));
  return {
    ...from,
    environment: { ...from.environment, ...told },
    file: {
      path: found.path,
      places: Object.fromEntries(counting),
      exposed: found.isOpen ? [...all.keys()].filter(isSecret) : [],
    },
  };
}

function isSecret(name: string): boolean {
  return (
    optionsByName()
      .get(name)
      ?.some(({ secret }) => secret) === true
  );
}
