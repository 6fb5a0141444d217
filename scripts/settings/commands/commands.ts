import { TEST_OPTIONS } from '../alerts.ts';
import { ALLOW_OPTIONS } from '../allow/options.ts';
import { formOf } from '../form.ts';
import { LOG_OPTIONS } from '../log.ts';
import type { Option } from '../option.ts';
import { EXPORT_OPTIONS, IMPORT_OPTIONS } from './bundle.ts';
import { CHANGES_OPTIONS, WHEN_OPTIONS } from './changes/changes.ts';
import { CLIENT_OPTIONS } from './client.ts';
import { CLIENT_CONFIG_OPTIONS } from './client-config.ts';
import { DOCTOR_OPTIONS } from './doctor.ts';
import { PROBE_OPTIONS } from './probe.ts';
import { RELEASE_OPTIONS, ROLLBACK_OPTIONS } from './rollback.ts';
import { RUN_OPTIONS } from './run.ts';
import { SERVE_OPTIONS } from './serve.ts';
import { STATS_OPTIONS } from './stats.ts';
import { STATUS_OPTIONS } from './status.ts';
import { STORE_OPTIONS } from './store.ts';
import { PROOF_OPTIONS, SYNC_OPTIONS } from './sync.ts';
import { VERIFY_OPTIONS } from './verify.ts';
import { WAIT_OPTIONS } from './wait-for.ts';
import { WATCH_OPTIONS } from './watch.ts';

/** Options of each command: its flags, its variables, and the keys of a file that it reads. */
export const COMMANDS = {
  sync: [...SYNC_OPTIONS, ...WAIT_OPTIONS, ...LOG_OPTIONS],
  alert: TEST_OPTIONS,
  doctor: DOCTOR_OPTIONS,
  rollback: [...ROLLBACK_OPTIONS, ...STORE_OPTIONS, ...PROOF_OPTIONS, ...LOG_OPTIONS],
  release: [...RELEASE_OPTIONS, ...STORE_OPTIONS],
  allow: [...ALLOW_OPTIONS, ...STORE_OPTIONS, ...PROOF_OPTIONS, ...LOG_OPTIONS],
  disallow: [...STORE_OPTIONS, ...PROOF_OPTIONS, ...LOG_OPTIONS],
  status: STATUS_OPTIONS,
  stats: STATS_OPTIONS,
  changes: CHANGES_OPTIONS,
  when: WHEN_OPTIONS,
  serve: SERVE_OPTIONS,
  run: [...RUN_OPTIONS, ...LOG_OPTIONS],
  probe: PROBE_OPTIONS,
  watch: WATCH_OPTIONS,
  client: CLIENT_OPTIONS,
  'client-config': CLIENT_CONFIG_OPTIONS,
  verify: VERIFY_OPTIONS,
  export: [...EXPORT_OPTIONS, ...LOG_OPTIONS],
  import: [...IMPORT_OPTIONS, ...LOG_OPTIONS],
} as const satisfies Readonly<Record<string, readonly Option[]>>;

export type CommandName = keyof typeof COMMANDS;

/** Options of a command; none of a name that is no command with options. */
export function optionsOf(command: string): readonly Option[] {
  return Object.hasOwn(COMMANDS, command) ? COMMANDS[command as CommandName] : [];
}

/** All options of all commands with the same name, by that name. */
export function optionsByName(): ReadonlyMap<string, readonly Option[]> {
  return Map.groupBy(Object.values<readonly Option[]>(COMMANDS).flat(), ({ name }) => name);
}

/** The same without those that take another kind of value in another command: such a name alone would say too little. */
export function sharedOptions(): ReadonlyMap<string, readonly Option[]> {
  const isOneKind = (options: readonly Option[]) =>
    new Set(options.map((one) => formOf(one).kind)).size === 1;
  return new Map([...optionsByName()].filter(([, options]) => isOneKind(options)));
}
