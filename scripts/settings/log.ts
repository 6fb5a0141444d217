import type { Voice } from '../base/log.ts';
import { Switch } from './fields.ts';
import type { Option } from './option.ts';
import { type Given, SettingError, validated } from './read.ts';

export interface LogSettings {
  readonly voice: Voice;
  /** True if the log's reader adds times to its lines. */
  readonly isStamped: boolean;
}

/** Options for how much a run prints on stderr; machines have --json. */
export const LOG_OPTIONS = [
  { name: 'verbose', help: 'print every detail, each line with its time', schema: Switch },
  {
    name: 'quiet',
    help: 'print only news and errors, so that cron has nothing to mail otherwise',
    schema: Switch,
  },
] as const satisfies readonly Option[];

/** Throws `setting/invalid`. */
export function logSettings(from: Given): LogSettings {
  const { verbose, quiet } = validated(LOG_OPTIONS, from);
  if (verbose && quiet) {
    throw new SettingError('setting/invalid', '--verbose and --quiet exclude each other', {
      advice: 'Leave one of them out',
    });
  }
  return {
    voice: verbose ? 'verbose' : quiet ? 'quiet' : 'normal',
    isStamped: from.environment.GITHUB_ACTIONS === 'true',
  };
}
