import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, inflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  EICAR_SIGNATURE,
  eicar,
  knowsEicar,
  mustKnowEicar,
  type Sample,
  writeSamples,
} from '../../scripts/proof/samples/samples.ts';
import {
  parseSampleList,
  readUserSamples,
  type UserSample,
} from '../../scripts/proof/samples/user-samples.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samples-'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

/** Writes files below the test's folder; returns the path of the first. */
async function put(files: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return join(folder, Object.keys(files)[0] ?? '');
}

/** What was read, with paths below the test's folder, or the error's code. */
async function read(from: { clean?: string; infected?: string }): Promise<unknown> {
  const at = (name: string | undefined) => (name === undefined ? undefined : join(folder, name));
  return await readUserSamples({ clean: at(from.clean), infected: at(from.infected) }).then(
    (samples) =>
      samples.map(({ path, expect: expected }) => [
        path.replace(`${folder}/`, ''),
        typeof expected === 'string' ? expected : expected.signature,
      ]),
    (error) => error.code,
  );
}

describe("the user's own samples", () => {
  test('are all regular files of a folder and of those below it, and no symbolic links', async () => {
    await put({ 'mine/b.txt': 'b', 'mine/a/deep/c.txt': 'c', 'mine/.hidden': 'h', 'elsewhere/d.txt': 'd' });
    await symlink('../elsewhere', join(folder, 'mine', 'link'));
    await symlink('../elsewhere/d.txt', join(folder, 'mine', 'link.txt'));
    const names = ['mine/.hidden', 'mine/a/deep/c.txt', 'mine/b.txt'];
    expect(await read({ clean: 'mine' })).toEqual(names.map((name) => [name, 'clean']));
    expect(await read({ infected: 'mine' })).toEqual(names.map((name) => [name, 'any']));
  });

  test('are the files of a list, whose paths are absolute or relative to it', async () => {
    const absolute = await put({ 'elsewhere/b c.txt': 'b', 'lists/a.txt': 'a' });
    await put({ 'lists/clean': `# mine\r\n\r\n  a.txt  \r\n${absolute}` });
    expect(await read({ clean: 'lists/clean' })).toEqual([
      ['lists/a.txt', 'clean'],
      ['elsewhere/b c.txt', 'clean'],
    ]);
  });

  test("may be what clamscan printed, with the signature's name", async () => {
    await put({ 'a: b.txt': 'a', 'c.txt': 'c', 'd.txt': 'd' });
    const infected = ['a: b.txt: Win.Test.EICAR_HDB-1 FOUND', 'c.txt: Html.Phishing-1', 'd.txt'];
    const summary = [
      '',
      '----------- SCAN SUMMARY -----------',
      'Known viruses: 14',
      'Infected files: 2',
      '',
    ];
    await put({ infected: [...infected, ...summary].join('\n') });
    expect(await read({ infected: 'infected' })).toEqual([
      ['a: b.txt', 'Win.Test.EICAR_HDB-1'],
      ['c.txt', 'Html.Phishing-1'],
      ['d.txt', 'any'],
    ]);
    await put({ clean: ['a: b.txt: OK', 'c.txt: OK', 'd.txt', ...summary].join('\n') });
    expect(await read({ clean: 'clean' })).toEqual(
      ['a: b.txt', 'c.txt', 'd.txt'].map((name) => [name, 'clean']),
    );
  });

  test('may come from both, and none need be given', async () => {
    await put({ 'good/a': 'a', 'bad/b': 'b' });
    expect(await read({ clean: 'good', infected: 'bad' })).toEqual([
      ['good/a', 'clean'],
      ['bad/b', 'any'],
    ]);
    expect(await read({})).toEqual([]);
  });

  test('count once if they are named twice for the same', async () => {
    await put({ 'a.txt': 'a', list: './a.txt\na.txt\nlink' });
    await symlink('a.txt', join(folder, 'link'));
    expect(await read({ clean: 'list' })).toEqual([['a.txt', 'clean']]);
  });

  const FILES = { 'mine/a.txt': 'a', 'other/b.txt': 'b' };
  const refused: Record<
    string,
    [files: Record<string, string>, clean: string, infected: string, code: string]
  > = {
    'a folder that is missing': [{}, 'none', 'other', 'sample/unreadable'],
    'a list that names a missing file': [
      { list: 'mine/a.txt\nmine/none' },
      'list',
      'other',
      'sample/unreadable',
    ],
    'a list that names a folder': [{ list: 'mine' }, 'list', 'other', 'sample/unreadable'],
    'a list that names a file below a file': [{ list: 'mine/a.txt/b' }, 'list', 'other', 'sample/unreadable'],
    'a list without a line': [{ list: '# nothing\n\n' }, 'list', 'other', 'sample/empty'],
    'an empty list': [{ list: '' }, 'mine', 'list', 'sample/empty'],
    'a file without content': [{ 'mine/empty': '' }, 'mine', 'other', 'sample/empty'],
    'a list that is no text': [{ list: 'mine/a.txt\0' }, 'list', 'other', 'sample/list'],
    'a list without an end': [{ list: '#'.repeat(4 * 1024 * 1024 + 1) }, 'list', 'other', 'sample/list'],
    'an infected one that was found to be nothing': [
      { list: 'mine/a.txt: FOUND' },
      'other',
      'list',
      'sample/unreadable',
    ],
    'a clean one with a signature': [{ list: 'mine/a.txt: A FOUND' }, 'list', 'other', 'sample/list'],
    'an infected one that is OK': [{ list: 'mine/a.txt: OK' }, 'other', 'list', 'sample/list'],
    'the same folder for both': [{}, 'mine', 'mine', 'sample/contradiction'],
    'a file that is in both': [{ list: 'mine/a.txt' }, 'mine', 'list', 'sample/contradiction'],
    'a file with two signatures': [
      { list: 'mine/a.txt: A FOUND\nmine/a.txt: B FOUND' },
      'other',
      'list',
      'sample/contradiction',
    ],
  };
  test.each(Object.keys(refused))('are refused with %s', async (name) => {
    const [files, clean, infected, code] = refused[name] ?? [{}, '', '', ''];
    await put({ ...FILES, ...files });
    expect(await read({ clean, infected })).toBe(code);
  });

  test('are refused as an empty folder, and as one with nothing but links', async () => {
    await put(FILES);
    await mkdir(join(folder, 'links'));
    expect(await read({ clean: 'links' })).toBe('sample/empty');
    await symlink('../mine/a.txt', join(folder, 'links', 'a'));
    expect(await read({ clean: 'links' })).toBe('sample/empty');
  });

  test('are refused as a pipe, which nobody waits for', async () => {
    expect(spawnSync('mkfifo', [join(folder, 'pipe')]).status).toBe(0);
    await put({ list: 'pipe' });
    expect(await read({ clean: 'pipe' })).toBe('sample/list');
    expect(await read({ clean: 'list' })).toBe('sample/unreadable');
  });

  test('are refused if they may not be read', async ({ skip }) => {
    if (process.getuid?.() === 0) skip('root may read everything');
    await put(FILES);
    await chmod(join(folder, 'mine', 'a.txt'), 0o000);
    expect(await read({ clean: 'mine' })).toBe('sample/unreadable');
  });

  test('are refused if there are too many of both together', async () => {
    await put({ 'mine/a': 'a', 'mine/b': 'b', 'bad/c': 'c' });
    const from = { clean: join(folder, 'mine'), infected: join(folder, 'bad') };
    expect(await readUserSamples(from, 3)).toHaveLength(3);
    await expect(readUserSamples(from, 2)).rejects.toThrow(
      expect.objectContaining({ code: 'sample/too-many' }),
    );
  });

  test('are refused if they are more than 2 GB together', async () => {
    const large = await put({ 'mine/large': 'x', 'bad/b': 'b' });
    await truncate(large, 2e9 - 1);
    expect(await read({ clean: 'mine', infected: 'bad' })).toHaveLength(2);
    await truncate(large, 2e9);
    expect(await read({ clean: 'mine', infected: 'bad' })).toBe('sample/too-large');
  });

  test('a wrong line of a list is named by its number', () => {
    expect(() => parseSampleList('a\n\nb: X FOUND', 'clean', '/l/list')).toThrow('line 3 of /l/list');
  });
});

describe('what clamscan is given', () => {
  const NONE = new Map([['bytecode', 80]]);
  const TEST = new Map([['test', 14]]);
  const write = (signatures: ReadonlyMap<string, number>, user: readonly UserSample[] = []) =>
    writeSamples(join(folder, 'samples'), signatures, user);
  const names = (samples: readonly Sample[]) => samples.map(({ name }) => name);

  test('is safe files of many kinds if no database must know EICAR', async () => {
    const samples = await write(NONE);
    expect(names(samples)).toEqual(
      expect.arrayContaining(['hello.txt', 'archive.zip', 'safe.zip', 'safe.tar.gz', 'safe.eml']),
    );
    expect(samples.every(({ expected }) => expected === 'clean')).toBe(true);
  });

  test('is EICAR, too, by itself, in archives and in an e-mail, to be found by name', async () => {
    const samples = await write(TEST);
    const eicars = samples.filter(({ expected }) => expected !== 'clean');
    expect(names(eicars)).toEqual(['eicar.com', 'eicar.zip', 'eicar.tar.gz', 'eicar.eml']);
    expect(eicars.every(({ expected }) => expected === EICAR_SIGNATURE)).toBe(true);
  });

  test('holds EICAR in the open nowhere but in eicar.com', async () => {
    await write(TEST);
    const content = async (name: string) => await readFile(join(folder, 'samples', name));
    expect(String(await content('eicar.com'))).toBe(eicar());
    const [zip, tarGz, mail] = [
      await content('eicar.zip'),
      await content('eicar.tar.gz'),
      await content('eicar.eml'),
    ];
    for (const bytes of [zip, tarGz, mail]) expect(bytes.includes(eicar())).toBe(false);
    expect(String(inflateRawSync(zip.subarray(30 + 'eicar.com'.length)))).toBe(eicar());
    expect(
      gunzipSync(tarGz)
        .subarray(512, 512 + 68)
        .toString(),
    ).toBe(eicar());
    expect(String(mail)).toContain(Buffer.from(eicar()).toString('base64').slice(0, 76));
  });

  test('is a copy of each of the user’s files, under a name of its own that clamscan cannot garble', async () => {
    const path = await put({ 'mine/a b: c\nOK.pdf': 'mine', 'other/x.pdf': 'other', 'third/x.pdf': 'third' });
    await chmod(path, 0o600);
    const samples = await write(NONE, [
      { path, expect: 'clean' },
      { path: join(folder, 'other/x.pdf'), expect: 'any' },
      { path: join(folder, 'third/x.pdf'), expect: { signature: 'Win.Test.A-1' } },
    ]);
    const own = samples.filter(({ origin }) => origin !== undefined);
    expect(own).toEqual([
      { name: 'user/00001-a_b__c_OK.pdf', expected: 'clean', origin: path },
      { name: 'user/00002-x.pdf', expected: 'any', origin: join(folder, 'other/x.pdf') },
      { name: 'user/00003-x.pdf', expected: /^Win\.Test\.A-1$/, origin: join(folder, 'third/x.pdf') },
    ]);
    const copy = join(folder, 'samples', own[0]?.name ?? '');
    expect(await readFile(copy, 'utf8')).toBe('mine');
    expect((await stat(copy)).mode & 0o777).toBe(0o644);
    await writeFile(copy, 'changed by an engine');
    expect([await readFile(path, 'utf8'), (await stat(path)).mode & 0o777]).toEqual(['mine', 0o600]);
  });

  test('cannot be had if a file of the user’s has vanished since', async () => {
    const gone = { path: join(folder, 'gone'), expect: 'clean' } as const;
    await expect(write(NONE, [gone])).rejects.toThrow(expect.objectContaining({ code: 'sample/not-copied' }));
  });

  test('a name that the user expects is taken literally', async () => {
    const path = await put({ 'a.txt': 'a' });
    const samples = await write(NONE, [{ path, expect: { signature: 'PUA.Win.Tool+(a)|b-1' } }]);
    const expected = samples.at(-1)?.expected as RegExp;
    expect(expected.test('PUA.Win.Tool+(a)|b-1')).toBe(true);
    expect(
      ['PUAxWin.Tool+(a)|b-1', 'b-1', 'PUA.Win.Tool+(a)|b-1.UNOFFICIAL'].some((name) => expected.test(name)),
    ).toBe(false);
  });

  test('EICAR must be known by main and test, and may be by daily, unless they are empty', () => {
    expect(['main', 'daily', 'test'].every((name) => knowsEicar(new Map([[name, 1]])))).toBe(true);
    expect(['main', 'test'].every((name) => mustKnowEicar(new Map([[name, 1]])))).toBe(true);
    expect(mustKnowEicar(new Map([['daily', 1]]))).toBe(false);
    expect(knowsEicar(new Map([...NONE, ['daily', 0]]))).toBe(false);
  });

  test.each([
    ['Eicar-Test-Signature', true],
    ['Win.Test.EICAR_HDB-1', true],
    ['{HEX}EICAR.TEST.3.UNOFFICIAL', true],
    ['OK', false],
    ['OK and Eicar-Test-Signature', false],
    ['Win.Other-Signature', false],
    ['Win.Test.Eicarus-1', false],
    ['Heuristics.Limits.Exceeded.MaxFileSize', false],
    ['Heuristics.Eicar', false],
  ])('%s is a name of EICAR: %s', (name, isOne) => {
    expect(EICAR_SIGNATURE.test(name)).toBe(isOne);
  });
});
