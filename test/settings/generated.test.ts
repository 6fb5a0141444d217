import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { actionInputs } from '../../scripts/settings/action-inputs.ts';
import { withInputs, withTable } from '../../scripts/settings/generated/generated.ts';
import { SCHEMA_FILE, schemaText } from '../../scripts/settings/generated/schema.ts';
import { variableOf } from '../../scripts/settings/read.ts';

const read = async (name: string) => await readFile(new URL(`../../${name}`, import.meta.url), 'utf8');

describe('what the rows of settings/ make (`npm run generate`)', () => {
  test('is what action.yml says of inputs and variables', async () => {
    const text = await read('action.yml');
    expect(withInputs(text)).toBe(text);
  });

  test('is the table of settings in the README', async () => {
    const text = await read('README.md');
    expect(withTable(text)).toBe(text);
  });

  test('is the schema of a settings file', async () => {
    expect(await read(SCHEMA_FILE)).toBe(schemaText());
  });

  test('is YAML with an input for each option, which is handed on as its variable', async () => {
    const { inputs, runs } = parse(await read('action.yml'));
    const variables = Object.assign({}, ...runs.steps.map(({ env = {} }) => env));
    const names = actionInputs().map(({ name }) => name);
    expect(Object.keys(inputs)).toEqual(names);
    for (const name of names) {
      expect(inputs[name].default, name).toBeTypeOf('string');
      expect(variables[variableOf(name)], name).toContain(`inputs.${name} `);
    }
  });

  test('replaces whatever stands between the marks, and nothing else', () => {
    const [before, after] = ['# Title\n\n<!-- settings:begin -->\n', '<!-- settings:end -->\nbehind\n'];
    const made = withTable(`${before}anything\n${after}`);
    expect(made.startsWith(before) && made.endsWith(after)).toBe(true);
    expect(made).toContain('| `--cdiffs <count>` | `30` | ');
    expect(made).not.toContain('anything');
    expect(withTable(made)).toBe(made);
  });

  test('needs the marks', () => {
    expect(() => withTable('# Title\n')).toThrow('settings:begin');
    expect(() => withInputs('inputs:\n')).toThrow('inputs:begin');
  });
});
