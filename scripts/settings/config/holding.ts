import { resolve } from 'node:path';
import { isS3Address } from '../../store/s3/address.ts';
import { alertSettings } from '../alerts.ts';
import { importSettings } from '../commands/bundle.ts';
import { changesSettings, whenSettings } from '../commands/changes/changes.ts';
import { clientSettings } from '../commands/client.ts';
import { clientConfigSettings } from '../commands/client-config.ts';
import { COMMANDS, type CommandName, optionsOf } from '../commands/commands.ts';
import { doctorSettings } from '../commands/doctor.ts';
import { probeSettings } from '../commands/probe.ts';
import { runSettings } from '../commands/run.ts';
import { serveSettings } from '../commands/serve.ts';
import { statsSettings } from '../commands/stats.ts';
import { statusSettings } from '../commands/status.ts';
import { storeSettings } from '../commands/store.ts';
import { syncSettings } from '../commands/sync.ts';
import { verifySettings } from '../commands/verify.ts';
import { waitSettings } from '../commands/wait-for.ts';
import { watchSettings } from '../commands/watch.ts';
import { formOf, jsonOf } from '../form.ts';
import { logSettings } from '../log.ts';
import { nearest } from '../nearest.ts';
import { fallbackOf, type Option } from '../option.ts';
import {
  type Given,
  placeOf,
  SettingError,
  sourceOf,
  textOf,
  together,
  validated,
  variableOf,
  withoutPassword,
} from '../read.ts';
import { CONFIG_OPTION } from './option.ts';

/** A setting as it holds for a command. */
export interface Holding {
  readonly name: string;
  /** `null` where nothing holds, or where it is a secret. */
  readonly value: string | number | boolean | readonly string[] | null;
  /** Value in words, where none was given and no single one holds. */
  readonly usually?: string;
  readonly source: 'flag' | 'variable' | 'file' | 'default';
  /** The flag or the variable, or file and line. */
  readonly where?: string;
  readonly secret?: true;
}

/** Settings of a command, and where each comes from. Throws `setting/invalid` if the command would, or if there is none. */
export function holdingsOf(command: string, from: Given): Holding[] {
  const options = optionsOf(requireCommand(command));
  requireOptions(command, options, from);
  const given = options.filter(({ name, isNeeded }) => isNeeded !== true || textOf(name, from) !== undefined);
  together({ each: () => validated(given, from), all: () => CHECKS[command as CommandName](from) });
  return options.map((option) => holdingOf(option, from));
}

/** Settings that have to fit together, beyond what each row takes. An option that is needed may still be missing. */
const CHECKS: Readonly<Record<CommandName, (from: Given) => unknown>> = {
  sync: (from) => together({ sync: () => waitingSync(from), log: () => logSettings(from) }),
  alert: alertSettings,
  doctor: doctorSettings,
  rollback: (from) => together({ sync: () => syncSettings(from), log: () => logSettings(from) }),
  release: storeSettings,
  allow: (from) => together({ sync: () => syncSettings(from), log: () => logSettings(from) }),
  disallow: (from) => together({ sync: () => syncSettings(from), log: () => logSettings(from) }),
  status: statusSettings,
  stats: (from) => statsSettings([], from),
  changes: (from) => changesSettings(undefined, from),
  when: (from) => whenSettings(undefined, from),
  serve: serveSettings,
  run: (from) => together({ run: () => runSettings(from), log: () => logSettings(from) }),
  verify: (from) => verifySettings(from),
  probe: (from) => probeSettings(ANY_MIRROR, from),
  watch: (from) => watchSettings(ANY_MIRROR, from),
  client: (from) => clientSettings(ANY_MIRROR, from),
  'client-config': (from) => textOf('for', from) && clientConfigSettings([ANY_MIRROR], from),
  export: (from) => together({ store: () => storeSettings(from), log: () => logSettings(from) }),
  import: (from) => together({ import: () => importSettings([], from), log: () => logSettings(from) }),
};
const ANY_MIRROR = 'https://mirror.invalid';

function waitingSync(from: Given): void {
  const { databases } = syncSettings(from);
  waitSettings(from, databases);
}

/** How one option holds. A secret is told by its source alone. */
export function holdingOf(option: Option, from: Given): Holding {
  const { name, usually, secret } = option;
  const text = textOf(name, from) ?? fallbackOf(option);
  const source = sourceOf(name, from);
  const where = {
    flag: `--${name}`,
    variable: variableOf(name),
    file: source === 'file' ? placeOf(name, from) : undefined,
    default: undefined,
  }[source];
  return {
    name,
    value: text === undefined || secret ? null : shown(option, text),
    ...(text === undefined && usually !== undefined && { usually }),
    source,
    ...(where !== undefined && { where }),
    ...(secret && { secret }),
  };
}

function shown(option: Option, text: string): Holding['value'] {
  const form = formOf(option);
  if (form.kind === 'path' && !isS3Address(text)) return resolve(text);
  return jsonOf(form, withoutPassword(text));
}

function requireCommand(command: string): string {
  const known = Object.keys(COMMANDS);
  if (known.includes(command)) return command;
  const meant = nearest(command, known);
  throw new SettingError('setting/invalid', `${command} is no command with options`, {
    advice: meant === undefined ? `These are: ${known.join(', ')}` : `Did you mean ${meant}?`,
  });
}

function requireOptions(command: string, options: readonly Option[], { flags }: Given): void {
  const known = [...options, CONFIG_OPTION].map(({ name }) => name);
  const strange = Object.keys(flags).filter((name) => !known.includes(name));
  if (strange.length === 0) return;
  throw new SettingError('setting/invalid', `${command} has no option --${strange.join(', --')}`, {
    advice: `See clamav-mirror ${command} --help`,
  });
}
