import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ALERT_LIMITS } from './alerts.ts';
import { DAEMON_LIMITS } from './daemon.ts';
import { DATABASE_LIMITS } from './databases.ts';
import { DOCTOR_LIMITS } from './doctor.ts';
import { EXTRAS_LIMITS } from './extras.ts';
import { GITHUB_LIMITS } from './github.ts';
import { GIVEN_LIMITS } from './given.ts';
import { MACHINE_LIMITS } from './machine.ts';
import { OUTSIDE_LIMITS } from './outside.ts';
import { PAGE_LIMITS } from './page.ts';
import { numbersIn, type Row } from './rows.ts';
import { STORE_LIMITS } from './store.ts';

const TABLE: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  ...OUTSIDE_LIMITS,
  ...STORE_LIMITS,
  daemon: DAEMON_LIMITS,
  alerts: ALERT_LIMITS,
  databases: DATABASE_LIMITS,
  doctor: DOCTOR_LIMITS,
  extras: EXTRAS_LIMITS,
  github: GITHUB_LIMITS,
  given: GIVEN_LIMITS,
  machine: MACHINE_LIMITS,
  page: PAGE_LIMITS,
};
const ROOT = join(import.meta.dirname, '..', '..', 'scripts');
const MODULES = readdirSync(join(ROOT, 'base', 'limits'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));

test('every limit is in the table, and the table has no other', async () => {
  for (const module of MODULES) {
    const exports = await import(`../../scripts/base/limits/${module}.ts`);
    expect(Object.keys(TABLE[module] ?? {}).sort(), module).toEqual(numbersIn(exports).sort());
  }
  expect(Object.keys(TABLE).sort()).toEqual(MODULES.sort());
});

describe.each(Object.entries(TABLE))('of %s, one more than', (_, rows) => {
  test.each(Object.entries(rows).map(([name, row]) => [name, row.ends, row] as const))(
    '%s: %s',
    async (_name, _ends, row) => {
      await row.reach();
    },
  );
});

test('limits are in one place: no other module has a number that is called one', () => {
  const sources = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !/^(?:base\/limits|setup)\//.test(name),
  );
  const strays = sources.flatMap((name) => {
    const text = readFileSync(join(ROOT, name), 'utf8');
    const found = text.matchAll(/^(?:export )?const (\w*(?:LIMIT|TIMEOUT|MOST|_BYTES)\w*)\b[^\n]*= [\d{(]/gm);
    return [...found].map(([, constant]) => `${name}: ${constant}`);
  });
  expect(strays.sort()).toEqual([
    'settings/commands/probe.ts: TIMEOUT_OPTION', // an option, whose value is the user's
  ]);
});

test('the modules of limits import nothing, and say of each why it is so', () => {
  for (const module of MODULES) {
    const text = readFileSync(join(ROOT, 'base', 'limits', `${module}.ts`), 'utf8');
    expect(text, module).not.toMatch(/^import /m);
    const bare = [...text.matchAll(/^(?!.*\*\/)(.*)\n(export const \w+)/gm)].map(([, , name]) => name);
    expect(bare, module).toEqual([]);
  }
});
