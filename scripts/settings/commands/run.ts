import { isIP } from 'node:net';
import * as v from 'valibot';
import { SOCKET_PATH_BYTES } from '../../base/limits/daemon.ts';
import type { CycleSettings } from '../../cycle/settings.ts';
import type { RunSettings } from '../../daemon/settings.ts';
import { AddressError, keyOf } from '../../notify/channels/address.ts';
import { CONFIG_OPTION, NO_FILE } from '../config/option.ts';
import { FilePath, minutes } from '../fields.ts';
import { LOG_OPTIONS } from '../log.ts';
import { type Option, pick } from '../option.ts';
import { type Given, named, SettingError, together, validated, variableOf } from '../read.ts';
import { SERVE_OPTIONS } from './serve.ts';
import { STATUS_OPTIONS } from './status.ts';
import { SYNC_OPTIONS, syncSettings } from './sync.ts';

const OWN = [
  {
    name: 'every',
    value: '<minutes>',
    help: 'minutes from one cycle to the next, on average; each starts in an odd minute, up to a tenth earlier or later',
    fallback: '60',
    schema: minutes(5, 1440),
  },
  ...pick(STATUS_OPTIONS, ['max-age']),
  {
    name: 'admin',
    value: '<ip:port>',
    help: 'address that answers /healthz, /readyz and /metrics, or "off"',
    fallback: '127.0.0.1:8081',
    schema: v.pipe(
      v.string(),
      v.check(
        (text) => text === 'off' || listenAddress(text) !== undefined,
        'is not an address like 127.0.0.1:8081',
      ),
      v.transform(listenAddress),
    ),
  },
  {
    name: 'push-secret',
    value: '<secret>',
    help: 'secret of the webhook by which another mirror, which is upstream here, tells of what it published: POST /push on the admin address asks for a cycle (site/alerts.md)',
    secret: true,
    example: 'whsec_c2l4dGVlbi1ieXRlcy1vci1tb3Jl',
    schema: v.pipe(
      v.string(),
      v.rawTransform(({ dataset, addIssue, NEVER }) => {
        try {
          return keyOf(dataset.value);
        } catch (error) {
          if (!(error instanceof AddressError)) throw error;
          addIssue({ message: error.message });
          return NEVER;
        }
      }),
    ),
  },
  {
    name: 'socket',
    value: '<path>',
    help: 'path of a unix socket, for this user only, that answers POST /sync and GET /status',
    usually: 'none',
    schema: v.pipe(
      FilePath,
      v.check(
        (path) => Buffer.byteLength(path) <= SOCKET_PATH_BYTES,
        `is longer than ${SOCKET_PATH_BYTES} bytes`,
      ),
    ),
  },
] as const satisfies readonly Option[];

/** Options of `sync` that are meant for one cycle: repeated with each, they would undo what protects the mirror. */
const FOR_ONE_CYCLE: readonly string[] = ['accept', 'retry', 'resync', 'dry-run'];

export const RUN_OPTIONS: readonly Option[] = [
  ...OWN,
  ...pick(SERVE_OPTIONS, ['address', 'port']),
  ...SYNC_OPTIONS.filter(({ name }) => !FOR_ONE_CYCLE.includes(name)),
];

/** Throws `setting/invalid`. */
export function runSettings(from: Given): RunSettings {
  const { own, listen, cycle } = together({
    own: () => validated(OWN, from),
    listen: () => validated(pick(SERVE_OPTIONS, ['address', 'port']), from),
    cycle: () => syncSettings(from),
  });
  refuseForOneCycle(cycle, from);
  if (own['push-secret'] !== undefined && own.admin === undefined)
    throw new SettingError('setting/invalid', `${named('push-secret', from)} needs an admin address`, {
      advice: 'Give one by --admin, which upstream can reach',
    });
  const { store, s3, work } = cycle;
  return {
    ...{ store, s3, work, listen },
    every: own.every,
    maxAge: own['max-age'],
    admin: own.admin,
    pushSecret: own['push-secret'],
    socket: own.socket,
    // what a settings file says is among the variables already, as this command reads it
    cycleEnvironment: {
      ...from.environment,
      ...asVariables(from.flags),
      [variableOf(CONFIG_OPTION.name)]: NO_FILE,
      [variableOf('push-secret')]: undefined,
    },
  };
}

/** Options as variables, by which a cycle gets them: the command line of a process can be read by everybody. */
function asVariables(flags: Given['flags']): Record<string, string | undefined> {
  const given = [...RUN_OPTIONS, ...LOG_OPTIONS].filter(({ name }) => flags[name] !== undefined);
  return Object.fromEntries(given.map(({ name }) => [variableOf(name), flags[name]]));
}

function refuseForOneCycle({ accept, retry, resync, dryRun }: CycleSettings, from: Given): void {
  const given = { accept: accept !== undefined, retry, resync, 'dry-run': dryRun };
  const [name] = Object.entries(given).flatMap(([one, isGiven]) => (isGiven ? [one] : []));
  if (name === undefined) return;
  const what = `${named(name, from)} is for one cycle, and run would repeat it with each`;
  throw new SettingError('setting/invalid', what, {
    advice: `Run \`clamav-mirror sync --${name}\` beside it`,
  });
}

/** `127.0.0.1:8081` or `[::1]:8081`. */
function listenAddress(text: string): { readonly address: string; readonly port: number } | undefined {
  const [, ipv6, ipv4, digits] = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(text) ?? [];
  const [address, port] = [ipv6 ?? ipv4 ?? '', Number(digits)];
  return isIP(address) !== 0 && port <= 65_535 ? { address, port } : undefined;
}
