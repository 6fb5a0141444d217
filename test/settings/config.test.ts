import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { checkSettingsFile } from '../../scripts/doctor/checks/settings-file.ts';
import { checksFor } from '../../scripts/doctor/checks.ts';
import type { TrustedOwners } from '../../scripts/files/trusted-owners.ts';
import { clientSettings } from '../../scripts/settings/commands/client.ts';
import { doctorSettings } from '../../scripts/settings/commands/doctor.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { withConfig } from '../../scripts/settings/config/config.ts';
import { parseConfig } from '../../scripts/settings/config/parse.ts';
import { Databases } from '../../scripts/settings/fields.ts';
import { formOf, jsonOf } from '../../scripts/settings/form.ts';
import { type Given, problemOf, SettingError } from '../../scripts/settings/read.ts';
import { settingsFile, temporaryFolder } from './support.ts';

const INVALID = expect.objectContaining({ code: 'setting/invalid' });
const UNSAFE = expect.objectContaining({ code: 'setting/unsafe-folder' });
const FAILS = v.pipe(v.string(), v.regex(/^$/, 'is wrong'));
const NOTHING: Given = { flags: {}, environment: {} };
const naming = (path: string): Given => ({ flags: { config: path }, environment: {} });
const reading = async (path: string, command = 'sync', owners?: TrustedOwners) =>
  await withConfig(naming(path), command, owners);
/** What is wrong with a settings file of this text, one problem each. */
const problemsOf = (text: string) => {
  try {
    parseConfig(text, '/srv/it.json');
  } catch (error) {
    if (error instanceof SettingError) return error.message.split('; ');
    throw error;
  }
  return [];
};

describe('a settings file', () => {
  test('is JSON in which comments and trailing commas may stand', async () => {
    const path = settingsFile(`{
      // ours
      "$schema": "/opt/clamav-mirror/site/clamav-mirror.schema.json",
      "databases": ["main", "daily",], /* no bytecode */
      "cdiffs": 60,
      "retry": true,
    }`);
    const settings = syncSettings(await reading(path));
    expect(settings).toMatchObject({ databases: ['main', 'daily'], window: 60, retry: true });
  });

  test('has a list where a flag may stand several times', () => {
    const option = { name: 'it', value: '<it>', help: 'it', isRepeatable: true, schema: v.string() } as const;
    const form = formOf(option);
    expect(jsonOf(form, 'https://one.example/?a,b\nhttps://two.example\n')).toEqual([
      'https://one.example/?a,b',
      'https://two.example',
    ]);
    const databases = formOf({ name: 'it', value: '<it>', help: 'it', schema: Databases });
    expect(jsonOf(databases, 'main,daily\nbytecode')).toEqual(['main', 'daily', 'bytecode']);
  });

  test('means paths from its own folder, and a bucket as it is', async () => {
    const path = settingsFile({ store: 'mirror', work: '/var/tmp/work', 'clean-samples': '../ours' });
    const folder = join(path, '..');
    expect(syncSettings(await reading(path))).toMatchObject({
      store: join(folder, 'mirror'),
      work: '/var/tmp/work',
      samples: { clean: join(folder, '..', 'ours') },
    });
    const bucket = settingsFile({ store: 's3://bucket/clamav' });
    expect(syncSettings(await reading(bucket)).store).toBe('s3://bucket/clamav');
  });

  test('has sections, which count for one command alone', async () => {
    const path = settingsFile({ cdiffs: 40, sync: { cdiffs: 50 }, client: { 'max-age': 0 } });
    const cdiffs = async (command: string) => {
      const { environment } = await reading(path, command);
      return environment.CLAMAV_MIRROR_CDIFFS;
    };
    expect(await cdiffs('sync')).toBe('50');
    expect(await cdiffs('doctor')).toBe('50'); // it tries the settings of sync
    expect(await cdiffs('watch')).toBe('40');
    expect((await reading(path, 'sync')).environment).not.toHaveProperty('CLAMAV_MIRROR_MAX_AGE');
  });

  test('may have options that the command does not have, if another one has them', async () => {
    const path = settingsFile({ port: 80, client: true });
    expect(syncSettings(await reading(path)).window).toBe(30);
  });
});

describe('a settings file is found', () => {
  const home = (folder = temporaryFolder()) => {
    mkdirSync(join(folder, '.config'));
    writeFileSync(join(folder, '.config', 'clamav-mirror.json'), '{ "cdiffs": 60 }');
    return folder;
  };

  test('by the flag, more than by the variable, more than in the home folder', async () => {
    const HOME = home();
    const [one, two] = [settingsFile('{}'), settingsFile('{}')];
    const found = async (flags: Given['flags'], environment: Given['environment']) =>
      (await withConfig({ flags, environment: { HOME, ...environment } }, 'sync')).file?.path;
    expect(await found({ config: one }, { CLAMAV_MIRROR_CONFIG: two })).toBe(one);
    expect(await found({}, { CLAMAV_MIRROR_CONFIG: two })).toBe(two);
    expect(await found({}, {})).toBe(join(HOME, '.config', 'clamav-mirror.json'));
    expect(await found({ config: 'off' }, { CLAMAV_MIRROR_CONFIG: two })).toBeUndefined();
  });

  test('where XDG_CONFIG_HOME says, if that is a path', async () => {
    const folder = join(home(), '.config');
    const at = async (environment: Given['environment']) =>
      (await withConfig({ flags: {}, environment }, 'sync')).file?.path;
    expect(await at({ XDG_CONFIG_HOME: folder })).toBe(join(folder, 'clamav-mirror.json'));
    expect(await at({ XDG_CONFIG_HOME: './.config', HOME: '' })).toBeUndefined();
  });

  test('for the action only if an input names it: a checkout may be that of a stranger', async () => {
    const environment = { HOME: home() };
    const inputs: Given = { flags: {}, environment, kind: 'input' };
    expect(await withConfig(inputs, 'sync')).toBe(inputs);
    const path = settingsFile('{ "cdiffs": 60 }');
    const named = { ...inputs, environment: { ...environment, CLAMAV_MIRROR_CONFIG: path } };
    expect(syncSettings(await withConfig(named, 'sync')).window).toBe(60);
  });

  test('or it is an error, if it is named', async () => {
    await expect(reading(join(temporaryFolder(), 'none.json'))).rejects.toThrow(INVALID);
    expect(await withConfig(NOTHING, 'sync')).toBe(NOTHING);
  });
});

describe('a settings file that somebody else could change is refused', () => {
  test('because others may write to it', async () => {
    const path = settingsFile('{}');
    chmodSync(path, 0o646);
    await expect(reading(path)).rejects.toThrow(UNSAFE);
  });

  test('because others may exchange it', async () => {
    const path = settingsFile('{}');
    chmodSync(join(path, '..'), 0o777);
    await expect(reading(path)).rejects.toThrow(UNSAFE);
  });

  test('because it belongs to somebody else', async () => {
    const strangers = {
      owns: (uid: number) => uid === 4711,
      isOurGroup: () => true,
      isPodVolume: () => false,
    };
    await expect(reading(settingsFile('{}'), 'sync', strangers)).rejects.toThrow(UNSAFE);
  });

  test('because a link leads to a folder of others', async () => {
    const path = settingsFile('{}');
    const link = join(temporaryFolder(), 'link.json');
    symlinkSync(path, link);
    expect((await reading(link)).file?.path).toBe(link);
    chmodSync(join(path, '..'), 0o777);
    await expect(reading(link)).rejects.toThrow(UNSAFE);
  });
});

describe('a hostile settings file ends in an error', () => {
  const UTF_16 = Buffer.from('\ufeff{}', 'utf16le');
  test.each([
    ['an empty one', ''],
    ['one of a comment', '// nothing'],
    ['a list', '[]'],
    ['a number', '5'],
    ['two objects', '{}{}'],
    ['an open string', '{"store": "'],
    ['an open comment', '{} /*'],
    ['many levels of lists', '['.repeat(60_000)],
    ['many levels of objects', '{"x":'.repeat(12_000)],
    ['UTF-16', UTF_16],
    ['UTF-16 without a mark', UTF_16.subarray(2)],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0x7d])],
    ['a NUL', '{\0}'],
    ['a prototype', '{"__proto__": {"cdiffs": 5}}'],
    ['a constructor', '{"constructor": 5}'],
    ['a method', '{"sync": {"toString": 5}}'],
    ['a number without end', '{"cdiffs": 1e999}'],
    ['a number with a fraction', '{"cdiffs": 5.5}'],
    ['null', '{"store": null}'],
    ['an empty text', '{"store": ""}'],
    ['an empty list', '{"databases": []}'],
    ['a list in a list', '{"databases": [["main"]]}'],
    ['a list of nothing', '{"databases": [" "]}'],
    ['a list of commas', '{"databases": ["main,daily"]}'],
    ['a text for a list', '{"databases": "main"}'],
    ['a text for a number', '{"cdiffs": "5"}'],
    ['a text for a switch', '{"retry": "yes"}'],
    ['a number for a text', '{"store": 5}'],
    ['a text that is no command', '{"sync": "x"}'],
    ['an option that no file has', '{"config": "other.json"}'],
    ['an object for an option', '{"store": {}}'],
    ['a section in a section', '{"sync": {"sync": {}}}'],
    ['a value that no command takes', '{"cdiffs": 0}'],
    ['a value that the command of its section does not take', '{"status": {"max-age": 0}}'],
    ['an option that the command of its section does not have', '{"serve": {"cdiffs": 5}}'],
    ['a key that stands there twice', '{"cdiffs": 5, "cdiffs": 5}'],
    ['a key that stands there twice in other letters', '{"cdiffs": 5, "cdiff\\u0073": 5}'],
    ['a key in capitals', '{"CDIFFS": 5}'],
  ])('%s', async (_, content) => {
    const error = await reading(settingsFile(content)).catch((caught) => caught);
    expect(error).toEqual(INVALID);
    expect(error.message.length).toBeLessThan(300);
  });

  test('one of a gigabyte, of which no more is read than a settings file has', async () => {
    const path = settingsFile('');
    truncateSync(path, 1024 ** 3);
    await expect(reading(path)).rejects.toThrow(INVALID);
  });

  test('a pipe, for whose writer nobody waits', async () => {
    const path = join(temporaryFolder(), 'pipe.json');
    execFileSync('mkfifo', [path]);
    await expect(reading(path)).rejects.toThrow(INVALID);
  });

  test.each(['/dev/zero', '/proc/self', '/'])('%s', async (path) => {
    await expect(reading(path)).rejects.toThrow(INVALID);
  });

  test('but not one that begins with the mark of UTF-8', async () => {
    const path = settingsFile('\ufeff{ "cdiffs": 60 }');
    expect(syncSettings(await reading(path)).window).toBe(60);
  });
});

describe('what is wrong with a settings file', () => {
  test('is told all at once, with file, line, column and key', () => {
    const text =
      '{\n  "cdiffs": "5",\r\n  // more\n  "databases": ["main"],\n  "serve": { "port": 0, "prot": 80 }\n}';
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^\/srv\/it\.json:2:13: cdiffs /),
      expect.stringMatching(/^\/srv\/it\.json:5:25: "prot" .*"port"/),
    ]);
  });

  test.each([
    ['cdiff', 'cdiffs'],
    ['max_size', 'max-size'],
    ['publicUrl', 'public-url'],
    ['s3PathStyle', 's3-path-style'],
    ['DATABASES', 'databases'],
    ['CLAMAV_MIRROR_MAX_SIZE', 'max-size'],
  ])('is told with what may be meant: %s', (key, meant) => {
    expect(problemsOf(JSON.stringify({ [key]: 5 }))).toEqual([expect.stringContaining(`"${meant}"`)]);
  });

  test('is told of the first ten of many', () => {
    const keys = Array.from({ length: 500 }, (_, at) => [`key${at}`, at]);
    expect(problemsOf(JSON.stringify(Object.fromEntries(keys)))).toHaveLength(11);
  });

  test('is told with its place where only the command finds it', async () => {
    const path = settingsFile({ engines: ['native', 'newest'] });
    const given = await reading(path, 'client');
    expect(() => clientSettings('https://mirror.example', given)).toThrow(`${path}:1:`);
  });

  test('is told without a secret', () => {
    const option = { name: 'it', value: '<it>', help: 'it', secret: true, schema: FAILS } as const;
    expect(problemOf(option, 'hunter2')).not.toContain('hunter2');
    expect(problemOf({ name: 'it', help: 'it', schema: FAILS }, 'hunter2')).toContain('hunter2');
  });
});

describe('doctor', () => {
  test('names the file that counts', async () => {
    const path = settingsFile({ store: '/srv/clamav', port: 80, retry: false });
    const settings = doctorSettings(await reading(path, 'doctor'));
    expect(settings.file).toEqual({ path, options: 3, exposed: [] });
    expect((await checksFor(settings)).map(({ name }) => name)).toContain('settings');
    expect(doctorSettings(NOTHING).file).toBeUndefined();
  });

  test('finds fault with secrets that others can read', async () => {
    const file = { path: '/etc/clamav-mirror.json', options: 2, exposed: ['alert'] };
    expect(await checkSettingsFile(file)).toMatchObject({ ok: false });
    expect(await checkSettingsFile({ ...file, exposed: [] })).toMatchObject({ ok: true });
  });
});
