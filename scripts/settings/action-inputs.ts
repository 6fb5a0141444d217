import { USUAL_DATABASES } from '../upstream/official.ts';
import { ACTION_OPTIONS } from './action.ts';
import { CLIENT_OPTIONS } from './commands/client.ts';
import { optionsByName } from './commands/commands.ts';
import { PROBE_OPTIONS, URL_ARGUMENT } from './commands/probe.ts';
import { ROLLBACK_OPTIONS } from './commands/rollback.ts';
import { SYNC_OPTIONS } from './commands/sync.ts';
import { WATCH_OPTIONS } from './commands/watch.ts';
import { CONFIG_OPTION } from './config/option.ts';
import { NOTIFY_OPTIONS } from './notify.ts';
import { helpOf, type Option } from './option.ts';

/** `resync` is a command of the action. */
const NO_INPUT = ['resync'];

/** Inputs that mean something else to each command: one sentence for all of them. */
const FOR_ALL: Readonly<Record<string, Pick<Option, 'help' | 'usually'>>> = {
  config: {
    help: 'settings file of your repository, for options that are no inputs of the step; only read if it is named here, since a checkout may be that of a stranger',
    usually: 'none',
  },
  databases: {
    help: 'databases, separated by commas',
    usually: `${USUAL_DATABASES.join()}; for probe, watchdog and client those that the mirror has`,
  },
  cdiffs: { help: 'number of CDIFFs of each database to keep, or for probe and watchdog to look for' },
  url: { help: 'URL of the mirror, for probe, watchdog and client', usually: 'public-url' },
  full: { help: 'for probe: download everything and prove every byte' },
  client: { help: 'for probe: update with the freshclam of the runner too' },
  timeout: {
    help: 'time limit for the whole command, in minutes',
    usually: '30 for client, 60 for probe and watchdog',
  },
};

/** Expressions of GitHub that stand in for inputs that are secret or long. */
const HANDED_ON: Readonly<Record<string, string>> = {
  'healthcheck-url': `contains(fromJSON('["sync", "resync"]'), inputs.command) && inputs.healthcheck-url || ''`,
  alert: `contains(fromJSON('["sync", "resync", "watchdog", "notify", "doctor"]'), inputs.command) && inputs.alert || ''`,
  'github-token': `(inputs.issues == 'true' || contains(fromJSON('["notify", "watchdog", "doctor"]'), inputs.command)) && inputs.github-token || ''`,
  needs: `inputs.command == 'notify' && inputs.needs || ''`,
};

/** An input of action.yml. */
export interface Input {
  readonly name: string;
  readonly help: string;
  /** As action.yml has it; empty for what a settings file may say, or where there is none. */
  readonly fallback: string;
  /** The expression that hands it on. */
  readonly handedOn: string;
}

/** The inputs of action.yml, in its order: what every command of the action takes, each once. */
export function actionInputs(): readonly Input[] {
  const tables: readonly (readonly Option[])[] = [
    ACTION_OPTIONS,
    [CONFIG_OPTION],
    SYNC_OPTIONS,
    [URL_ARGUMENT],
    ROLLBACK_OPTIONS,
    PROBE_OPTIONS,
    WATCH_OPTIONS,
    CLIENT_OPTIONS,
    NOTIFY_OPTIONS,
  ];
  const options = tables.flat().filter(({ name }) => !NO_INPUT.includes(name));
  return [...Map.groupBy(options, ({ name }) => name).values()].flatMap((same) => inputOf(same));
}

function inputOf([first, ...others]: readonly Option[]): Input[] {
  if (first === undefined) return [];
  const { name, help, usually, value, fallback } = first;
  const isOne = others.every((other) => other.fallback === fallback);
  const isOfFile = optionsByName().has(name); // a default of the input would count more than the settings file
  return [
    {
      name,
      help: helpOf({
        help,
        ...(usually !== undefined && { usually }),
        ...(isOfFile && isOne && fallback !== undefined && { fallback }),
        ...FOR_ALL[name],
      }),
      fallback: isOne && !isOfFile ? (fallback ?? (value === undefined ? 'false' : '')) : '',
      handedOn: `\${{ ${HANDED_ON[name] ?? `inputs.${name}`} }}`,
    },
  ];
}
