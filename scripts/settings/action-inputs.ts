import { ACTION_OPTIONS } from './action.ts';
import { CLIENT_OPTIONS } from './commands/client.ts';
import { WATCH_OPTIONS } from './commands/watch.ts';
import { NOTIFY_OPTIONS } from './notify.ts';
import { type Option, PROBE_OPTIONS, ROLLBACK_OPTIONS, SYNC_OPTIONS } from './option.ts';

const URL_OPTION: Option = {
  name: 'url',
  value: '<url>',
  help: 'the mirror that probe, watchdog and client are about (default: public-url)',
};

/** `resync` is a command of the action. */
const NO_INPUT = ['resync'];

/** The inputs of action.yml, in its order: what every command of the action takes, each once. */
export function actionInputs(): readonly Option[] {
  const tables = [
    ACTION_OPTIONS,
    SYNC_OPTIONS,
    [URL_OPTION],
    ROLLBACK_OPTIONS,
    PROBE_OPTIONS,
    WATCH_OPTIONS,
    CLIENT_OPTIONS,
    NOTIFY_OPTIONS,
  ];
  const found = new Map<string, Option>();
  for (const option of tables.flat()) {
    const known = found.get(option.name);
    if (known === undefined) found.set(option.name, option);
    // where commands differ in what holds without a word, action.yml leaves it to them
    else if (known.fallback !== option.fallback) found.set(option.name, withoutFallback(known));
  }
  return [...found.values()].filter(({ name }) => !NO_INPUT.includes(name));
}

function withoutFallback({ fallback: _, ...option }: Option): Option {
  return option;
}
