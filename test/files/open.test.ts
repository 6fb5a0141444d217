import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { JSON_CONTAINERS } from '../../scripts/base/limits/manifest.ts';
import {
  chunksOf,
  chunksOfSync,
  copyRegular,
  linkOrCopy,
  readNote,
  readStart,
  readText,
} from '../../scripts/files/open.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'open-'));
  path = join(folder, 'daily.cvd');
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const readers: Readonly<Record<string, (path: string, follow: boolean) => Promise<unknown>>> = {
  chunksOf: async (from, follow) => {
    const chunks: Buffer[] = [];
    for await (const chunk of chunksOf(from, { follow })) chunks.push(chunk);
    return Buffer.concat(chunks);
  },
  chunksOfSync: async (from, follow) =>
    Buffer.concat([...chunksOfSync(from, { follow })].map((chunk) => Buffer.from(chunk))),
  readStart: async (from, follow) => await readStart(from, 100, { follow }),
  readText: async (from, follow) => Buffer.from(await readText(from, 100, { follow })),
  copyRegular: async (from, follow) => {
    await copyRegular(from, join(folder, 'copy'), { follow });
    return await readFile(join(folder, 'copy'));
  },
};

const strangers: Readonly<Record<string, () => unknown>> = {
  'a pipe': () => spawnSync('mkfifo', [path]),
  'a folder': () => mkdirSync(path),
  'a link to a file': () => symlinkSync('/etc/passwd', path),
  'a link to a device without an end': () => symlinkSync('/dev/zero', path),
  'a link round in circles': () => symlinkSync(path, path),
  'a socket': async () => {
    const server = createServer().listen(path);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
  },
};

describe.each(Object.keys(readers))('%s', (name) => {
  const read = readers[name] ?? (() => Promise.reject(new Error(name)));

  test('reads a file', async () => {
    await writeFile(path, 'some bytes');
    expect(await read(path, false)).toEqual(Buffer.from('some bytes'));
  });

  test.each(Object.keys(strangers))('takes %s for no file, and does not wait', async (kind) => {
    await strangers[kind]?.();
    await expect(read(path, false)).rejects.toMatchObject({ code: 'file/not-regular' });
  });

  test('follows a link that the user named, to a file only', async () => {
    await writeFile(join(folder, 'real'), 'some bytes');
    symlinkSync('real', path);
    expect(await read(path, true)).toEqual(Buffer.from('some bytes'));
    const pipe = join(folder, 'pipe');
    spawnSync('mkfifo', [pipe]);
    rmSync(path);
    symlinkSync('pipe', path);
    await expect(read(path, true)).rejects.toMatchObject({ code: 'file/not-regular' });
  });

  test('says of what is missing that it is missing', async () => {
    await expect(read(path, false)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

test('a file that grows while it is read comes to an end', async () => {
  await writeFile(path, Buffer.alloc(300_000));
  let read = 0;
  for await (const chunk of chunksOf(path)) {
    read += chunk.length;
    await appendFile(path, Buffer.alloc(300_000));
  }
  expect(read).toBe(300_000);
});

test('text beyond its limit is refused, and not read', async () => {
  await writeFile(path, 'x'.repeat(11));
  await expect(readText(path, 10)).rejects.toMatchObject({ code: 'file/too-large' });
  expect(await readText(path, 11)).toHaveLength(11);
});

describe('a note of an earlier run', () => {
  const NONE = {
    'no JSON': '{"a":',
    'too large': `[${'1,'.repeat(200_000)}1]`,
    'more lists than anybody writes': '['.repeat(JSON_CONTAINERS + 1),
  };

  test.each(Object.entries(NONE))('is as if it were not there: %s', async (_, text) => {
    await writeFile(path, text);
    expect(await readNote(path, 300_000)).toBeUndefined();
  });

  test('is a file: a folder or a link in its place is none, and nor is nothing', async () => {
    expect(await readNote(folder, 100)).toBeUndefined();
    expect(await readNote(path, 100)).toBeUndefined();
    await writeFile(join(folder, 'real'), '{}');
    symlinkSync('real', path);
    expect(await readNote(path, 100)).toBeUndefined();
    expect(await readNote(join(folder, 'real'), 2)).toEqual({});
  });

  test('that cannot be reached is an error, and not nothing', async () => {
    await writeFile(path, '{}');
    await expect(readNote(join(path, 'note'), 100)).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});

test('a copy is a file of its own', async () => {
  await writeFile(path, 'some bytes');
  await copyRegular(path, join(folder, 'copy'));
  expect((await stat(join(folder, 'copy'))).ino).not.toBe((await stat(path)).ino);
});

describe('a file under another name', () => {
  test('is the same file', async () => {
    await writeFile(path, 'x');
    await linkOrCopy(path, join(folder, 'another'));
    expect((await stat(join(folder, 'another'))).ino).toBe((await stat(path)).ino);
  });

  const memory = statSync('/dev/shm', { throwIfNoEntry: false });
  test.skipIf(memory === undefined || memory.dev === statSync(tmpdir()).dev)(
    'is a copy where no link can lead, such as on another file system',
    async () => {
      await writeFile(path, 'x');
      const elsewhere = mkdtempSync('/dev/shm/open-');
      onTestFinished(() => rmSync(elsewhere, { recursive: true }));
      await linkOrCopy(path, join(elsewhere, 'daily.cvd'));
      expect(await readFile(join(elsewhere, 'daily.cvd'), 'utf8')).toBe('x');
    },
  );
});
