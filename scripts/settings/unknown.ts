import { actionInputs } from './action-inputs.ts';
import { optionsByName } from './commands/commands.ts';
import { CONFIG_OPTION } from './config/option.ts';
import { nearest } from './nearest.ts';
import { type Given, SettingError, variableOf } from './read.ts';

const PREFIX = variableOf('');

/** Variables that are no options: of the workflows, of GitHub's API, and for the action's own use. */
const OTHERS = [
  'aws-role',
  'access-key-id',
  'secret-access-key',
  'github-login',
  'url',
  'newest-image',
  'oldest-image',
];

/** Kubernetes tells every container of a service named `clamav-mirror` by variables that look like ours. */
const OF_KUBERNETES = /^(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;

/**
 * Looks for variables of ours that mean nothing. One that is almost an option is a mistake that would change what is
 * mirrored or served: it throws `setting/invalid`. Of any other there is a warning: it may be of a later version, or somebody
 * else's.
 */
export function strangeVariables({ environment }: Pick<Given, 'environment'>): string[] {
  const known = knownVariables();
  const strange = Object.keys(environment)
    .filter((name) => name.startsWith(PREFIX) && environment[name] && !known.includes(name))
    .filter((name) => !OF_KUBERNETES.test(name.slice(PREFIX.length)))
    .sort();
  const misspelt = strange.flatMap((name) => {
    const meant = nearest(name, known);
    return meant === undefined ? [] : [`the variable ${name} is unknown (did you mean ${meant}?)`];
  });
  if (misspelt.length > 0) {
    throw new SettingError('setting/invalid', misspelt.join('; '), {
      advice: 'Every option of a command is a variable: see its --help',
    });
  }
  return strange.map((name) => `the variable ${name} is unknown, and does nothing`);
}

function knownVariables(): string[] {
  const inputs = actionInputs().map(({ name }) => name);
  return [...new Set([...inputs, ...optionsByName().keys(), CONFIG_OPTION.name, ...OTHERS])].map(variableOf);
}
