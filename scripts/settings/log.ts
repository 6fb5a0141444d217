import * as v from 'valibot';
import type { Voice } from '../base/log.ts';
import { TrueOrFalse } from './fields.ts';
import { LOG_OPTIONS } from './option.ts';
import { type Given, SettingError, validated } from './read.ts';

export interface LogSettings {
  readonly voice: Voice;
  /** Whether whoever reads the log puts times to its lines. */
  readonly isStamped: boolean;
}

const LogSchema = v.object({ verbose: v.optional(TrueOrFalse), quiet: v.optional(TrueOrFalse) });

/** Throws `setting/invalid`. */
export function logSettings(from: Given): LogSettings {
  const { verbose, quiet } = validated(LogSchema, LOG_OPTIONS, from);
  if (verbose === 'true' && quiet === 'true') {
    throw new SettingError('setting/invalid', '--verbose and --quiet exclude each other', {
      advice: 'Leave one of them out',
    });
  }
  return {
    voice: verbose === 'true' ? 'verbose' : quiet === 'true' ? 'quiet' : 'normal',
    isStamped: from.environment.GITHUB_ACTIONS === 'true',
  };
}
