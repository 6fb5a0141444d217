import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { COMMANDS } from '../../scripts/settings/commands/commands.ts';
import { formOf, jsonOf } from '../../scripts/settings/form.ts';
import type { Option } from '../../scripts/settings/option.ts';
import { problemOf } from '../../scripts/settings/read.ts';

/** Every option of every command. */
export const ROWS: readonly { readonly command: string; readonly option: Option }[] = Object.entries<
  readonly Option[]
>(COMMANDS).flatMap(([command, options]) => options.map((option) => ({ command, option })));

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'settings-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a settings file into a folder of its own. Returns its path. */
export function settingsFile(content: string | Uint8Array | object): string {
  const path = join(temporaryFolder(), 'settings.json');
  const isPlain = typeof content === 'object' && !(content instanceof Uint8Array);
  writeFileSync(path, isPlain ? JSON.stringify(content) : content);
  return path;
}

/** Texts of which each option takes some. */
const TEXTS = [
  ...['https://one.example', 'https://two.example', '192.0.2.1', '192.0.2.2', 'native', 'newest'],
  ...['one', 'two', 'three.yml', 'four.yml', '/srv/one', '/srv/two', 'AES256', 'aws:kms'],
  ...['daily:28101', 'main:62', '127.0.0.1:8081', '127.0.0.1:8082'],
];

/** Texts that an option takes, two at least where it has a choice. */
export function textsFor(option: Option): string[] {
  const form = formOf(option);
  if (form.kind === 'switch') return ['true', 'false'];
  if (form.kind === 'number') return [form.least, form.least + 1, form.most].map(String);
  const own = [option.example, option.fallback].filter((text) => text !== undefined);
  const texts = [...own, ...TEXTS].filter((text) => problemOf(option, text) === undefined);
  return form.kind === 'path' ? texts.filter((text) => text.startsWith('/')) : texts;
}

/** A text as the value that a settings file has for it. */
export function valueFor(option: Option, text: string): unknown {
  return jsonOf(formOf(option), text);
}
