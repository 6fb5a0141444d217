import * as v from 'valibot';
import { FilePath } from '../fields.ts';
import type { Option } from '../option.ts';

/** The value of --config that means no file. */
export const NO_FILE = 'off';

/** The settings file: a flag and a variable of every command that has options, and an input of the action. */
export const CONFIG_OPTION = {
  name: 'config',
  value: '<file>',
  help: `settings file, JSON with comments; "${NO_FILE}" for none`,
  usually: '~/.config/clamav-mirror.json, else /etc/clamav-mirror.json, if it is there',
  schema: v.union([v.literal(NO_FILE), FilePath]),
} as const satisfies Option;
