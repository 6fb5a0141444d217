import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { HEALTHCHECK_EVERY_HOURS } from '../base/clock.ts';
import { isHttp } from '../http/is-http.ts';
import { alertSecrets } from './alerts.ts';
import { yesOrNo } from './boolean.ts';
import { optionsByName } from './commands/commands.ts';
import { canBeSent, wholeNumber } from './fields.ts';
import { wordsIn } from './form.ts';
import type { Option } from './option.ts';
import { type Given, SettingError, together, validated, variableOf } from './read.ts';

export const COMMANDS = [
  'sync',
  'resync',
  'verify',
  'probe',
  'watchdog',
  'client',
  'rollback',
  'release',
  'notify',
  'doctor',
] as const;
export type ActionCommand = (typeof COMMANDS)[number];

/** action.yml compares these inputs with `true` before this code runs, so no other word may mean it. */
const Literally = v.pipe(
  v.picklist(['true', 'false'], 'is either true or false'),
  v.transform((text) => text === 'true'),
);

/** Options of the action, whatever its command is. */
export const ACTION_OPTIONS = [
  {
    name: 'command',
    value: '<name>',
    help: `command to run: ${COMMANDS.join(', ')}`,
    fallback: 'sync',
    schema: v.picklist(COMMANDS, `is one of ${COMMANDS.join(', ')}`),
  },
  {
    name: 'issues',
    value: '<true|false>',
    help: 'open an issue in this repository for what fails, and close it when all is well again; the job needs `issues: write` and `actions: read`',
    fallback: 'false',
    schema: Literally,
  },
  {
    name: 'healthcheck-url',
    value: '<url>',
    help: 'URL to request after each verified cycle, and with /fail after any other, as for healthchecks.io; it is kept secret',
    secret: true,
    schema: v.pipe(
      v.string(),
      v.check((url) => isHttp(url), 'must be a URL that starts with http:// or https://'),
      canBeSent(),
    ),
  },
  {
    name: 'healthcheck-every',
    value: '<hours>',
    help: "hours since the last cycle from which the workflow's first job requests it too, if all is well and nothing is new; 0: each time",
    fallback: String(HEALTHCHECK_EVERY_HOURS),
    schema: wholeNumber(0, 999),
  },
  {
    name: 'cache',
    value: '<true|false>',
    help: "keep copies of what is published, and the state, in the repository's cache; only for a bucket or with restore-from. For watchdog: what its clients keep",
    fallback: 'true',
    schema: Literally,
  },
] as const satisfies readonly Option[];

export interface ActionSettings {
  readonly command: ActionCommand;
  /** None for a dry run, which vouches for nothing that is published. */
  readonly healthcheckUrl: string | undefined;
  readonly cache: boolean;
  /** A folder for files that other steps of the job may read. */
  readonly folder: string;
}

const DRY_RUN = variableOf('dry-run');

/** True for a dry run, which vouches for nothing that is published. */
export function isDryRun({ environment }: Pick<Given, 'environment'>): boolean {
  return yesOrNo(environment[DRY_RUN]) === true;
}

/** Throws `setting/invalid`. */
export function actionSettings(from: Given): ActionSettings {
  const settings = validated(ACTION_OPTIONS, from);
  return {
    command: settings.command,
    healthcheckUrl: isDryRun(from) ? undefined : settings['healthcheck-url'],
    cache: settings.cache,
    folder: resolve(from.environment.RUNNER_TEMP || tmpdir(), 'clamav-mirror'),
  };
}

/**
 * Settings of a command that looks at a mirror: the input `url`, else `public-url`. Throws `setting/invalid`, with all that
 * is wrong.
 */
export function aboutMirror<T>(from: Given, read: (url: string) => T): T {
  const { CLAMAV_MIRROR_URL, CLAMAV_MIRROR_PUBLIC_URL } = from.environment;
  const url = CLAMAV_MIRROR_URL || CLAMAV_MIRROR_PUBLIC_URL;
  if (url) return read(url);
  const missing = () => {
    throw new SettingError('setting/invalid', 'the input url is needed', {
      advice:
        'It is the mirror as its clients know it, such as https://clamav.example; public-url will do too',
    });
  };
  return together({ missing, settings: () => read('https://missing.invalid') }).settings;
}

/** Variables of others that hold secrets, and of ours that are no options. */
const SECRETS = /(_TOKEN|_SECRET|_ACCESS_KEY|_ACCESS_KEY_ID|_PASSWORD)$/;

/** Every value of the environment that no log may show, and what derives from it. */
export function secretsIn({ environment }: Given): string[] {
  const options: readonly Option[] = [...ACTION_OPTIONS, ...[...optionsByName().values()].flat()];
  const ours = new Set(options.filter(({ secret }) => secret).map(({ name }) => variableOf(name)));
  const found = Object.entries(environment).flatMap(([name, value]) => {
    if (!value) return [];
    const own = ours.has(name)
      ? [value, ...wordsIn(value), ...wordsIn(value, '\n')]
      : SECRETS.test(name)
        ? [value]
        : [];
    return [...own, ...passwordsIn(value)];
  });
  return [...new Set([...found, ...alertSecrets({ environment })])].filter((secret) => secret.length > 2);
}

/** The password of a URL, as it stands there, decoded, and as a header carries it. A proxy may be named without a scheme. */
function passwordsIn(value: string): string[] {
  const url = URL.parse(/^[^\s/]+:[^\s/]+@[^\s/]+\/?$/.test(value) ? `http://${value}` : value);
  if (url === null || url.password === '') return [];
  const [user, password] = [url.username, url.password].map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  }) as [string, string];
  return [url.password, password, Buffer.from(`${user}:${password}`).toString('base64')];
}
