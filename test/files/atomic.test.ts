import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { copyProven, replaceFile } from '../../scripts/files/atomic.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'atomic-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const path = (name: string) => join(folder, name);
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('replacing a file', () => {
  test('writes a new one, leaving nothing else behind', async () => {
    await replaceFile(path('state.json'), 'new');
    expect(await readFile(path('state.json'), 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['state.json']);
  });

  test('defect 3: gives it a new file, so that whoever reads the old one reads it to its end', async () => {
    await writeFile(path('state.json'), 'old');
    const { ino } = await stat(path('state.json'));
    await replaceFile(path('state.json'), 'new');
    expect(await readFile(path('state.json'), 'utf8')).toBe('new');
    expect((await stat(path('state.json'))).ino).not.toBe(ino);
  });

  test('makes the temporary folder, but not the one that the file goes to', async () => {
    await replaceFile(path('file'), 'text', { temporaryFolder: path('a/b') });
    expect((await readdir(folder)).sort()).toEqual(['a', 'file']);
    expect(await readdir(path('a/b'))).toEqual([]);
    await expect(replaceFile(path('c/file'), 'text', { temporaryFolder: path('a/b') })).rejects.toMatchObject(
      { code: 'ENOENT' },
    );
  });

  test('that fails leaves the old one and nothing else', async () => {
    await mkdir(path('taken/inside'), { recursive: true });
    await expect(replaceFile(path('taken'), 'text')).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['taken']);
  });
});

describe('copying a proven file', () => {
  const bytes = Buffer.alloc(700_000, 'some bytes of a CVD ');
  const copy = (hash: string, mtime?: Date) =>
    copyProven(path('from'), path('to'), {
      sha256: hash,
      temporaryFolder: path('tmp'),
      ...(mtime && { mtime }),
    });
  beforeEach(() => writeFile(path('from'), bytes));

  test('gives the same bytes', async () => {
    await copy(sha256(bytes));
    expect((await readFile(path('to'))).equals(bytes)).toBe(true);
    expect(await readdir(path('tmp'))).toEqual([]);
  });

  test('gives it the time it is told', async () => {
    const built = new Date('2025-09-01T12:00:00Z');
    await copy(sha256(bytes), built);
    expect((await stat(path('to'))).mtime).toEqual(built);
  });

  test('defect 11: of what has changed since is refused, and the old copy stays', async () => {
    await writeFile(path('to'), 'old');
    await writeFile(
      path('from'),
      bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)),
    );
    await expect(copy(sha256(bytes))).rejects.toMatchObject({ code: 'file/changed' });
    expect(await readFile(path('to'), 'utf8')).toBe('old');
    expect(await readdir(path('tmp'))).toEqual([]);
  });

  test('of a file that is gone leaves nothing behind', async () => {
    rmSync(path('from'));
    await expect(copy(sha256(bytes))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(folder)).toEqual(['tmp']);
    expect(await readdir(path('tmp'))).toEqual([]);
  });
});
