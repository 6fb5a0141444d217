import { chmodSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'jsonc-parser';
import { describe, expect, test } from 'vitest';
import { secretsIn } from '../../scripts/settings/action.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { holdingsOf } from '../../scripts/settings/config/holding.ts';
import { EXTRAS_SCHEMA_FILE, extrasSchemaText } from '../../scripts/settings/generated/extras-schema.ts';
import type { Given } from '../../scripts/settings/read.ts';
import { REPOSITORY } from '../support/repository.ts';
import { settingsFile, temporaryFolder } from './support.ts';

const read = async (name: string) => await readFile(join(REPOSITORY, name), 'utf8');
const validate = new Ajv2020()
  .addVocabulary(['allowComments', 'allowTrailingCommas'])
  .compile(JSON.parse(extrasSchemaText()));
const URL = 'https://feeds.example/own.ndb';
const given = (flags: Given['flags']): Given => ({ flags, environment: {} });
const extrasOf = (flags: Given['flags']) => syncSettings(given(flags)).extras;
const problem = (flags: Given['flags']) => {
  try {
    syncSettings(given(flags));
    return 'none';
  } catch (error) {
    return (error as Error).message;
  }
};
const listOf = (...extras: object[]) => settingsFile({ extras });

describe('--extra', () => {
  test('names a file and where it comes from, several times', () => {
    expect(extrasOf({ extra: `own.ndb=${URL}?key=1\nown.yar=./rules` })).toMatchObject([
      { name: 'own.ndb', from: `${URL}?key=1`, interval: 3_600_000, maxSize: 64 * 1024 ** 2 },
      { name: 'own.yar', from: join(process.cwd(), 'rules') },
    ]);
    expect(extrasOf({})).toEqual([]);
  });

  test.each([
    ['without a name', URL],
    ['of another kind', `own.txt=${URL}`],
    ['with a name of Talos', `daily.ndb=${URL}`],
    ['with a name of the allow list', `local.ign2=${URL}`],
    ['with a path for a name', `../own.ndb=${URL}`],
    ['by FTP', 'own.ndb=ftp://feeds.example/own.ndb'],
    ['by rsync', 'own.ndb=rsync://feeds.example/own.ndb'],
    ['with a fragment', `own.ndb=${URL}#part`],
    ['with a password that is not encoded', 'own.ndb=https://me:100%@feeds.example/'],
    ['without a source', 'own.ndb='],
    ['twice', `own.ndb=${URL}\nown.ndb=${URL}`],
  ])('is refused %s, and its address is not repeated', (_, extra) => {
    const said = problem({ extra });
    expect(said).toMatch(/--extra/);
    expect(said).not.toMatch(/feeds\.example/);
  });

  test('is shown by its source alone, and is a secret to the log of a runner', () => {
    const holding = holdingsOf('sync', given({ extra: `own.ndb=${URL}` })).find(
      ({ name }) => name === 'extra',
    );
    expect(holding).toEqual({ name: 'extra', value: null, source: 'flag', where: '--extra', secret: true });
    const environment = { CLAMAV_MIRROR_EXTRA: `own.ndb=${URL}?key=token` };
    expect(secretsIn(given({})).length).toBe(0);
    expect(secretsIn({ flags: {}, environment })).toContain(`own.ndb=${URL}?key=token`);
  });
});

describe('a list of extras', () => {
  test('is the published one, and its example is such a list, by the schema too', async () => {
    expect(await read(EXTRAS_SCHEMA_FILE)).toBe(extrasSchemaText());
    const example = await read('site/extras.example.jsonc');
    expect({
      valid: validate(parse(example, [], { allowTrailingComma: true })),
      errors: validate.errors,
    }).toMatchObject({ valid: true });
    expect(extrasOf({ extras: settingsFile(example) })?.length).toBeGreaterThan(3);
  });

  test('has intervals, hashes, signatures and sizes, with paths from its folder', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'extras.json');
    const key = 'RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3';
    writeFileSync(
      path,
      `{ // comments may stand there
        "extras": [
          { "name": "own.ndb", "url": "own", "interval": 10, "maxSize": 1, "minisign": "${key}", "gpg": "keys.asc" },
          { "name": "far.ndb", "url": "${URL}", "sha256Url": "${URL}.sha256", "minisign": "${key}", "minisignUrl": "${URL}.sig" },
          { "name": "file.hdb", "url": "file:///srv/file.hdb", "sha256": "${'a'.repeat(64)}" },
        ],
      }`,
    );
    expect(extrasOf({ extras: path })).toEqual([
      {
        name: 'own.ndb',
        from: join(folder, 'own'),
        interval: 600_000,
        maxSize: 1024 ** 2,
        minisign: { key },
        gpg: { keys: join(folder, 'keys.asc') },
      },
      {
        name: 'far.ndb',
        from: URL,
        interval: 3_600_000,
        maxSize: 64 * 1024 ** 2,
        sha256From: `${URL}.sha256`,
        minisign: { key, from: `${URL}.sig` },
      },
      {
        name: 'file.hdb',
        from: '/srv/file.hdb',
        interval: 3_600_000,
        maxSize: 64 * 1024 ** 2,
        sha256: 'a'.repeat(64),
      },
    ]);
  });

  test('adds to those of flags, each name once', () => {
    const extras = listOf({ name: 'own.ndb', url: URL });
    expect(extrasOf({ extras, extra: `own.yar=${URL}` })).toHaveLength(2);
    expect(problem({ extras, extra: `own.ndb=${URL}` })).toContain('own.ndb twice');
  });

  test.each([
    ['a misspelt key', [{ name: 'own.ndb', url: URL, intervall: 60 }], 'did you mean "interval"'],
    ['no name', [{ url: URL }], 'name is needed'],
    ['no address', [{ name: 'own.ndb' }], 'url is needed'],
    ['a text for a number', [{ name: 'own.ndb', url: URL, interval: '60' }], 'interval'],
    ['requests each minute', [{ name: 'own.ndb', url: URL, interval: 1 }], 'interval must be 10 or more'],
    ['half a hash', [{ name: 'own.ndb', url: URL, sha256: 'abc' }], 'sha256 is not'],
    ['a key that is none', [{ name: 'own.ndb', url: URL, minisign: 'abc' }], 'minisign is not'],
    ['an address that is none', [{ name: 'own.ndb', url: 'rsync://feeds.example/x' }], 'url is no'],
    ['an entry that is none', ['own.ndb'], 'an entry is an object'],
  ])('with %s is refused, with line and column, and without addresses', (_, extras, words) => {
    const said = problem({ extras: settingsFile({ extras }) });
    expect(said).toMatch(/json:1:\d+: /);
    expect(said).toContain(words);
    expect(said).not.toContain('feeds.example');
    expect(validate({ extras }) && !/minisign|rsync/.test(JSON.stringify(extras))).toBe(false);
  });

  test.each([
    ['that is a list', '[]', 'extras is needed'],
    ['that is not JSON', '{ "extras": [ }', 'value expected'],
    ['with a key twice', '{ "extras": [], "extras": [] }', 'stands there twice'],
    ['that is not UTF-8', Buffer.from('ff00', 'hex'), 'is not UTF-8'],
    ['that is too long', ' '.repeat(600_000), 'has more than'],
  ])('%s is refused', (_, text, words) => {
    expect(problem({ extras: settingsFile(text) })).toContain(words);
  });

  test('that is not there, or that everybody may write to, is refused', () => {
    expect(problem({ extras: '/nowhere/extras.json' })).toContain('is not there');
    const path = listOf();
    chmodSync(path, 0o666);
    expect(problem({ extras: path })).toContain('every account');
  });
});
