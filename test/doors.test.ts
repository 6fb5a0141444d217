import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Packages and parts of Node by which something from outside reaches a module that imports them. */
const PACKAGES =
  /^(?:undici|nodemailer|send|zx\/core|node:(?:https?|net|tls|dns(?:\/promises)?|child_process|worker_threads|readline)|@(?:aws-sdk|octokit|actions)\/.+)$/;
/** What reads files, or their names. */
const READERS =
  /^(?:readFile|readFileSync|createReadStream|open|openSync|openAsBlob|opendir|readdir|readdirSync|readlink|copyFile|copyFileSync|cp|cpSync|watch)$/;
/** Our own ways to a file's bytes. */
const OUR_READERS =
  /^(?:readStart|readText|readJson|readNote|chunksOf|chunksOfSync|copyRegular|openRegular)$/;
/** They look at text and open nothing. */
const PURE = /^(?:isIP(?:v[46])?|BlockList)$/;
const CALLS: Readonly<Record<string, RegExp>> = {
  'JSON.parse': /\bJSON\.parse\(/,
  parseJson: /\bparseJson\(/,
  fetch: /(?:await|return|=|\() ?fetch\(|globalThis\.fetch/,
  'process.env': /\bprocess\s*\.\s*env\b/,
  'process.argv': /\bprocess\s*\.\s*argv\b/,
  'process.stdin': /\bprocess\s*\.\s*stdin\b/,
  'import()': /\bimport\((?!')/,
};

/** By what something from outside reaches a module: names of packages, functions and variables. */
function doorsIn(source: string): string[] {
  const text = source.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '');
  const doors = Object.entries(CALLS).flatMap(([name, call]) => (call.test(text) ? [name] : []));
  for (const [, names = '', from = ''] of text.matchAll(/^import ([^;]*?) from '([^']+)';/gms)) {
    if (names.startsWith('type ')) continue;
    const imported = [...names.matchAll(/(type )?([\w$]+)(?: as \w+)?(?=[\s,}]|$)/g)]
      .filter(([, type]) => type === undefined)
      .map(([, , name = '']) => name);
    if (imported.every((name) => PURE.test(name))) continue;
    if (PACKAGES.test(from)) doors.push(from);
    if (/^node:fs(?:\/promises)?$/.test(from)) doors.push(...imported.filter((name) => READERS.test(name)));
    if (from.startsWith('.')) doors.push(...imported.filter((name) => OUR_READERS.test(name)));
    if (names.includes('* as') && from.startsWith('node:fs')) doors.push(from);
  }
  return [...new Set(doors)];
}

describe('the list of doors', () => {
  const root = join(import.meta.dirname, '..', 'scripts');
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const doors = new Map(
    names.flatMap((name) => {
      const found = doorsIn(readFileSync(join(root, name), 'utf8'));
      return found.length === 0 ? [] : [[name, found] as const];
    }),
  );
  const list = readFileSync(join(root, 'base/limits/doors.md'), 'utf8');
  /** The cells of each row. */
  const rows = list
    .split('\n')
    .filter((line) => /^\| /.test(line) && !/^\| (?:-|What comes in)/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const modulesIn = (cell = '') => [...cell.matchAll(/`([^`]+\.ts)`/g)].map(([, name = '']) => name);

  test('names every module that something from outside reaches, and no other', () => {
    const listed = new Set(rows.flatMap((cells) => modulesIn(cells.at(-1))));
    const missing = [...doors].filter(([name]) => !listed.has(name));
    expect(missing.map(([name, found]) => `${name}: ${found.join(', ')}`).sort()).toEqual([]);
    expect([...listed].filter((name) => !doors.has(name))).toEqual([]);
  });

  test('says of each what it is held to, by modules that there are', () => {
    expect(rows.length).toBeGreaterThan(10);
    for (const cells of rows) {
      expect(cells).toHaveLength(4);
      const [what = '', , guard = ''] = cells;
      expect({ what, guard: guard.length > 20 }).toEqual({ what, guard: true });
      for (const name of modulesIn(guard))
        expect({ name, there: existsSync(join(root, name)) }).toEqual({ name, there: true });
    }
  });

  test.each([
    ["import { readFile } from 'node:fs/promises';", ['readFile']],
    ["import { readFile as slurp, rm } from 'node:fs/promises';", ['readFile']],
    ["import * as fs from 'node:fs';", ['node:fs']],
    ["import type { Dispatcher } from 'undici';", []],
    ["import { type Dispatcher, request } from 'undici';", ['undici']],
    ["import { type Dispatcher } from 'undici';", []],
    ['const found = JSON.parse(text);', ['JSON.parse']],
    ['// JSON.parse(text)\n/* process.env */', []],
    ['const answer = await fetch(url);', ['fetch']],
    ["import { spawn } from 'node:child_process';", ['node:child_process']],
  ])('sees the doors of %j', (source, expected) => {
    expect(doorsIn(source)).toEqual(expected);
  });
});

describe('the table of promises', () => {
  const root = join(import.meta.dirname, '..');
  const security = readFileSync(join(root, 'SECURITY.md'), 'utf8');

  test('names for each the tests that hold it', () => {
    const [, table = ''] = /^## What is promised$([\s\S]*?)^## /m.exec(security) ?? [];
    const rows = table.split('\n').filter((line) => /^\| (?!-|An attacker)/.test(line));
    expect(rows.length).toBeGreaterThan(4);
    for (const row of rows) {
      const held = row.split('|').at(-2)?.trim() ?? '';
      const tests = [...held.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
      if (tests.length === 0) expect(held).toMatch(/^nothing/); // nobody holds what is not promised
      for (const name of tests)
        expect({ name, there: existsSync(join(root, 'test', name)) }).toEqual({ name, there: true });
    }
  });
});
