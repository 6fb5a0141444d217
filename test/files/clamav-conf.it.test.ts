import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freshclamConf } from '../../scripts/conf/freshclam-conf.ts';
import { ConfError, type ConfOption, confText, writeConf } from '../../scripts/files/clamav-conf.ts';
import { shell } from '../../scripts/setup/shell.ts';
import { NOBODY } from '../probe/support.ts';
import { describeWithClamav } from '../support/setup/official.ts';

const $ = shell({ environment: process.env });
const CONF = {
  mirrors: [NOBODY],
  record: undefined,
  proxy: undefined,
  attempts: 1,
  owner: 'root',
} as const;

describeWithClamav('a configuration of ClamAV', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'conf-'));
  });
  afterEach(async () => await rm(folder, { recursive: true }));

  /** As ClamAV reads `freshclam.conf` in `folder`: each option that was set, as it was. */
  async function readBack(): Promise<Map<string, string>> {
    const { stdout } = await $`clamconf ${`--config-dir=${folder}`}`;
    const lines = stdout.matchAll(/^(\w+) = (?:"(.*)"|(\S+))$/gm);
    return new Map([...lines].map(([, name = '', text, word = '']) => [name, text ?? word]));
  }

  /** A name after which ClamAV's reader begins a new line, with what is to be its own. */
  const attack = (command: string) => {
    const before = 'ExtraDatabase ';
    return `${'a'.repeat(1023 - before.length)}OnErrorExecute ${command}`;
  };

  test('that names a database without end is an order to real freshclam, which nobody writes', async () => {
    const [path, marker] = [join(folder, 'freshclam.conf'), join(folder, 'marker')];
    const options = [`--config-file=${path}`, `--datadir=${folder}`, '--no-dns', '--stdout'];
    const attempt = () => $`freshclam ${options}`.catch(() => {});
    const name = attack(`touch ${marker}`);
    const plain = confText(freshclamConf({ ...CONF, databases: [] }));
    await writeFile(path, `${plain.replace('\nExcludeDatabase main\n', '\n')}ExtraDatabase ${name}\n`);
    await attempt();
    expect(existsSync(marker)).toBe(true); // ClamAV does as the attacker says, so it must not get there
    await rm(marker);
    await rm(path);
    expect(() => freshclamConf({ ...CONF, databases: [name] })).toThrow(ConfError);
    await expect(writeConf(path, [['ExtraDatabase', name]])).rejects.toThrow(ConfError);
    expect(existsSync(path)).toBe(false);
  });

  const long = `${'x'.repeat(1100)}`;
  test.each<[string, Partial<Parameters<typeof freshclamConf>[0]>]>([
    ['URL', { mirrors: [`http://mirror.example/${long}`] }],
    ['record', { record: long }],
    ['owner', { owner: long }],
    ['folder', { folder: `/${long}` }],
    ['folder with a blank', { folder: `/a ${long}` }],
    ['folder of letters that take two bytes', { folder: `/${'ä'.repeat(600)}` }],
    ['proxy', { proxy: new URL(`http://${'a.'.repeat(600)}example`) }],
    ['user of the proxy', { proxy: new URL(`http://${long}:x@proxy.example`) }],
    ['password of the proxy', { proxy: new URL(`http://x:${long}@proxy.example`) }],
    ['second line in the owner', { owner: 'me\nOnUpdateExecute reboot' }],
    ['NUL in the password', { proxy: new URL('http://x:%00@proxy.example') }],
    ['quote in the folder', { folder: '/a"b' }],
    ['owner without a name', { owner: '' }],
    ['database with a way out', { databases: ['../../x'] }],
    ['database with a blank', { databases: ['daily OnUpdateExecute'] }],
  ])('has no room for a %s', (_, change) => {
    expect(() => confText(freshclamConf({ ...CONF, databases: ['test'], ...change }))).toThrow(ConfError);
  });

  test('holds as much as ClamAV reads in one go, and not a byte more', async () => {
    const room = 1022 - 'DatabaseOwner '.length;
    await writeConf(join(folder, 'freshclam.conf'), [
      ['DatabaseOwner', 'o'.repeat(room)],
      ['MaxAttempts', 7],
    ]);
    const found = await readBack();
    expect([found.get('DatabaseOwner')?.length, found.get('MaxAttempts')]).toEqual([room, '7']);
    expect(() => confText([['DatabaseOwner', 'o'.repeat(room + 1)]])).toThrow(ConfError);
  });

  test('says to ClamAV what it was told, or is refused', async () => {
    const words = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.string({
        unit: fc.constantFrom(' ', '\t', '"', '#', '\\', 'a', 'ä', '\u2028', '\n', '\r'),
        maxLength: 8,
      }),
      fc.string({ minLength: 990, maxLength: 1020, unit: fc.constantFrom('a', ' ', 'ä') }),
    );
    let written = 0;
    await fc.assert(
      fc.asyncProperty(words, words, async (owner, password) => {
        const options: ConfOption[] = [
          ['DatabaseOwner', owner],
          ['HTTPProxyPassword', password],
          ['MaxAttempts', 7],
        ];
        try {
          await writeConf(join(folder, 'freshclam.conf'), options);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfError);
          return;
        }
        written++;
        const found = await readBack();
        expect(found.get('DatabaseOwner')).toBe(owner);
        expect(found.get('HTTPProxyPassword')).toBe(password);
        expect(found.get('MaxAttempts')).toBe('7');
        expect([...found.keys()].filter((name) => name.endsWith('Execute'))).toEqual([]);
      }),
      {
        numRuns: 150,
        examples: [
          [' a b\t', '#\\'],
          ['ä', ' '],
        ],
      },
    );
    expect(written).toBeGreaterThanOrEqual(2);
  });

  test('is read by its owner alone, and what was there before outlives a refusal', async () => {
    const path = join(folder, 'freshclam.conf');
    await writeConf(path, [['MaxAttempts', 3]]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await expect(
      writeConf(path, [
        ['MaxAttempts', 5],
        ['DatabaseOwner', 'a\nb'],
      ]),
    ).rejects.toThrow(ConfError);
    expect(await readFile(path, 'utf8')).toBe('MaxAttempts 3\n');
    expect(await readdir(folder)).toEqual(['freshclam.conf']);
  });
});
