import { print, printJson } from '../base/log.ts';
import { type Holding, holdingsOf } from '../settings/config/holding.ts';
import type { Given } from '../settings/read.ts';

/** `clamav-mirror config`: shows the settings of a command. Throws `setting/invalid` if the command would not take them. */
export function config(command: string, given: Given, json: boolean): void {
  const settings = holdingsOf(command, given);
  const file = given.file?.path ?? null;
  if (json) printJson(process.stdout, { command, file, settings });
  else print(process.stdout, [`settings of ${command}, with ${file ?? 'no file'}`, ...tableOf(settings)]);
}

function tableOf(settings: readonly Holding[]): string[] {
  const rows = settings.map((one) => [one.name, one.where ?? one.source, valueIn(one)] as const);
  const [names, places] = [rows.map(([name]) => name.length), rows.map(([, place]) => place.length)];
  const [first, second] = [Math.max(...names), Math.max(...places)];
  return rows.map(([name, place, value]) => `${name.padEnd(first)}  ${place.padEnd(second)}  ${value}`);
}

function valueIn({ value, usually, secret, source }: Holding): string {
  if (secret && source !== 'default') return '(secret)';
  if (value === null) return usually === undefined ? '–' : `(${usually})`;
  return String(value);
}
