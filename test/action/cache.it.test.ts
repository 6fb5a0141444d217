import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type CacheReport, restoreCache, saveCache } from '../../scripts/action/cache/cache.ts';
import { prefixOf } from '../../scripts/action/cache/key.ts';
import { unpack } from '../../scripts/action/cache/tar.ts';
import { CACHE_FILES } from '../../scripts/base/limits/github.ts';
import { encodeTarHeader, paddingOf } from '../../scripts/cvd/container/tar.ts';
import { State } from '../../scripts/cycle/memory/state.ts';
import { type CacheService, startCacheService } from '../support/github/cache-service.ts';

const OWNER = { store: 's3://bucket/clamav', databases: ['daily', 'main'] };
const NOTHING: CacheReport = { outcome: 'absent', files: 0, bytes: 0 };
const CONTENT = { uuid: '123e4567-e89b-42d3-a456-426614174000', coolDowns: {}, quarantine: {} };
const STATE = `${JSON.stringify(CONTENT, undefined, 2)}\n`;

let service: CacheService;
let work = '';
beforeEach(async () => {
  service = await startCacheService();
  onTestFinished(() => service.close());
  work = newWork();
});

/** A work folder as a run leaves it, with copies of these. */
function newWork(copies: readonly string[] = [], state?: string): string {
  const folder = mkdtempSync(join(tmpdir(), "cache it's "));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'copies'));
  for (const text of copies) writeFileSync(join(folder, 'copies', sha256(text)), text);
  if (state !== undefined) writeFileSync(join(folder, 'state.json'), state);
  return folder;
}

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const restore = async (to = work, owner: Partial<typeof OWNER> & { patience?: number } = {}) =>
  await restoreCache({ ...OWNER, ...owner, work: to }, service.env);
const save = async (from: string, restored = NOTHING, owner: Partial<typeof OWNER> = {}) =>
  await saveCache({ ...OWNER, ...owner, work: from }, service.env, restored);
const copiesIn = async (folder: string) => (await readdir(join(folder, 'copies'))).sort();

test('what one run saves, the next one restores, in another folder and as the same bytes', async () => {
  const saved = await save(newWork(['main 1', 'daily 1'], STATE));
  expect(saved).toMatchObject({ outcome: 'saved', files: 3, bytes: 13 + STATE.length });
  const restored = await restore();
  expect(restored).toMatchObject({ outcome: 'restored', key: saved.key, files: 3, bytes: saved.bytes });
  expect(await copiesIn(work)).toEqual([sha256('main 1'), sha256('daily 1')].sort());
  expect(await readFile(join(work, 'copies', sha256('main 1')), 'utf8')).toBe('main 1');
  // whoever reads it there knows that anybody may have written it
  expect(await readFile(join(work, 'cached-state.json'), 'utf8')).toBe(STATE);
  expect((await readdir(work)).sort()).toEqual(['cached-state.json', 'copies']);
  // whether or not this machine has zstd
  expect(service.entries[0]?.version).toBe(sha256('mirror|gzip|1.0'));
  const mine = newWork(['main 1'], 'mine');
  expect(await restore(mine)).toMatchObject({ outcome: 'restored', files: 1 });
  expect(await readFile(join(mine, 'state.json'), 'utf8')).toBe('mine');
});

test('a state that somebody else may have written holds a run up for an hour, and nobody who asks by hand', async () => {
  const now = new Date('2026-06-01T12:00:00.000Z');
  const upstream = 'https://database.clamav.net';
  const evil = '::error::\u001b[31m<b>call +49…</b> '.repeat(50);
  const refused = { version: 6, md5: 'a'.repeat(32), reason: evil, code: 'proof/failed', until: null };
  const content = {
    ...CONTENT,
    coolDowns: { [upstream]: { until: '2026-06-02T11:59:00.000Z', reason: evil } },
    quarantine: { daily: { ...refused, since: '2026-06-01T11:00:00.000Z' } },
  };
  await save(newWork([], JSON.stringify(content)));
  await restore();
  const state = await State.load(work, now);
  expect(state.coolDownOf(upstream, { isAsked: true }).load()).toBeUndefined();
  const coolDown = state.coolDownOf(upstream).load();
  expect(coolDown?.until).toBe('2026-06-01T13:00:00.000Z');
  expect(state.quarantineOf('daily')?.until).toBe('2026-06-02T12:00:00.000Z');
  for (const reason of [coolDown?.reason, state.quarantineOf('daily')?.reason]) {
    expect(reason?.length).toBeLessThanOrEqual(200);
    expect(reason).toMatch(/^by the cache/);
    expect(reason).not.toContain('\u001b');
  }
  // the next run gets it from the cache again: its end does not move on
  const next = newWork();
  await save(work);
  await restore(next);
  const later = await State.load(next, new Date('2026-06-01T12:59:00.000Z'));
  expect(later.coolDownOf(upstream).load()?.until).toBe('2026-06-01T13:00:00.000Z');
  expect(later.quarantineOf('daily')?.until).toBe('2026-06-02T12:00:00.000Z');
});

describe('a cache is saved', () => {
  test('only if it differs from what was restored', async () => {
    const from = newWork(['main 1'], STATE);
    const saved = await save(from);
    const restored = await restore();
    expect(await save(work, restored)).toMatchObject({ outcome: 'unchanged', key: saved.key });
    writeFileSync(join(work, 'copies', sha256('daily 2')), 'daily 2');
    expect(await save(work, restored)).toMatchObject({ outcome: 'saved', files: 3 });
    expect(await save(newWork(), NOTHING)).toEqual({ outcome: 'unchanged', files: 0, bytes: 0 });
    expect(service.entries).toHaveLength(2);
  });

  test('also when it is what an earlier one was: the newest is the one that is found', async () => {
    const [first, second] = [newWork(['main 1'], 'one'), newWork(['main 1'], 'two')];
    const saved = [await save(first), await save(second), await save(first)];
    expect(new Set(saved.map(({ key }) => key)).size).toBe(3);
    await restore();
    expect(await readFile(join(work, 'cached-state.json'), 'utf8')).toBe('one');
  });

  test('without a copy that is not what its name says', async () => {
    const from = newWork(['main 1']);
    writeFileSync(join(from, 'copies', sha256('main 1')), 'MAIN 1');
    expect(await save(from)).toMatchObject({ outcome: 'failed' });
    expect(service.entries).toEqual([]);
  });
});

describe('nothing is taken', () => {
  const nothing = { files: 0, bytes: 0 };
  afterEach(async () => {
    expect(await readdir(work)).toEqual(['copies']);
    expect(await copiesIn(work)).toEqual([]);
  });

  test('where there is no cache, which is not a trouble', async () => {
    expect(await restore()).toEqual({ outcome: 'absent', ...nothing });
  });

  test('outside of GitHub Actions, and nothing is started', async () => {
    const environment = { PATH: process.env.PATH };
    const restored = await restoreCache({ ...OWNER, work }, environment);
    expect(restored).toMatchObject({ outcome: 'unavailable', ...nothing });
    expect(await saveCache({ ...OWNER, work }, environment, restored)).toMatchObject({
      outcome: 'unavailable',
    });
  });

  test('of the cache of another store or of other databases', async () => {
    const prefixes = [
      OWNER,
      { ...OWNER, store: 's3://bucket/clamav-2' },
      { ...OWNER, endpoint: 'https://s3.example' },
      { ...OWNER, databases: ['main'] },
    ].map(prefixOf);
    expect(new Set(prefixes).size).toBe(4);
    for (const [at, prefix] of prefixes.slice(1).entries())
      await service.plant(`${prefix}${at}`, Buffer.alloc(1));
    expect(await restore()).toEqual({ outcome: 'absent', ...nothing });
  });

  test('of the cache of another store that the service offers all the same', async () => {
    await save(newWork(['main 1']), NOTHING, { store: 's3://other/clamav' });
    service.fault({ foreign: undefined });
    expect(await restore()).toMatchObject({ outcome: 'refused', ...nothing });
    expect(service.seen).not.toContain('GET blob');
  });

  test.each(['cut', 'corrupt'] as const)('of an archive that arrives %s', async (fault) => {
    await save(newWork(['main 1'.repeat(100_000)], STATE));
    service.fault(fault);
    const { outcome, ...others } = await restore();
    expect(['failed', 'refused']).toContain(outcome);
    expect(others).toMatchObject({ ...nothing, why: expect.stringMatching(/./) });
  });

  test('while the service is down, or refuses; the run goes on and says why', async () => {
    for (const fault of [{ status: 429 }, 'down'] as const) {
      service.fault(fault);
      const restored = await restore();
      expect(restored).toMatchObject({ outcome: 'failed', ...nothing, why: expect.stringMatching(/./) });
    }
    expect(await save(newWork(['main 1']))).toMatchObject({
      outcome: 'failed',
      why: expect.stringMatching(/./),
    });
  });

  test('of a service that is too slow for our patience', async () => {
    service.fault({ delay: 600_000 });
    const slow = await restore(work, { patience: 1000 });
    expect(slow).toMatchObject({ outcome: 'failed', why: 'given up after 1 s' });
  });
});

describe('of a poisoned cache nothing is taken', () => {
  /** An archive as we make it, of any entries. */
  function archiveOf(files: Readonly<Record<string, string | Buffer>>): Buffer {
    const parts = Object.entries(files).flatMap(([name, content]) => {
      const bytes = Buffer.from(content);
      return [encodeTarHeader({ name, size: bytes.length }), bytes, Buffer.alloc(paddingOf(bytes.length))];
    });
    return gzipSync(Buffer.concat([...parts, Buffer.alloc(1024)]));
  }

  /** Saves a good cache, and has another archive found in its place. */
  async function poison(archive: Buffer): Promise<string> {
    const { key = '' } = await save(newWork(['main 1'], STATE));
    service.evict(key);
    await service.plant(key, archive);
    return key;
  }

  test('if a copy has other bytes; what is saved then takes its place', async () => {
    const key = await poison(archiveOf({ [sha256('main 1')]: 'MAIN 1', 'state.json': STATE }));
    const poisoned = await restore();
    expect(poisoned).toMatchObject({ outcome: 'refused', key, files: 0, why: expect.stringMatching(/hash/) });
    expect(await readdir(work)).toEqual(['copies']);
    const healed = await save(newWork(['main 1'], STATE), poisoned);
    expect(healed.outcome).toBe('saved');
    expect(healed.key).not.toBe(key);
    const restored = await restore(); // the newest
    expect(restored).toMatchObject({ outcome: 'restored', key: healed.key, files: 2 });
    expect(await save(work, restored)).toMatchObject({ outcome: 'unchanged' });
  });

  test('if it was made to be unpacked by tar as @actions/cache calls it', async () => {
    const folder = newWork();
    const victim = join(folder, 'victim');
    writeFileSync(victim, 'hostile');
    const archive = spawnSync('tar', ['-czP', victim]).stdout;
    writeFileSync(victim, 'precious');
    const key = await poison(archive);
    expect(await restore()).toMatchObject({ outcome: 'refused', key, files: 0 });
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    // with the tar of this machine it would have been so
    spawnSync('tar', ['-xzP'], { input: archive });
    expect(readFileSync(victim, 'utf8')).toBe('hostile');
  });

  /** What `tar` makes of what a command leaves in an empty folder, under the names that are told. */
  function tarOf(command: string, ...names: string[]): Buffer {
    const folder = newWork();
    const run = (program: string, args: string[]) =>
      spawnSync(program, args, { cwd: folder, maxBuffer: 1e9 });
    expect(run('sh', ['-ec', command]).status).toBe(0);
    return run('tar', ['-czP', ...names]).stdout;
  }
  const hash = sha256('main 1');
  const hostile: Readonly<Record<string, () => Buffer>> = {
    'a name that leads out': () =>
      tarOf('echo x > ../escaped; mv ../escaped copies/', 'copies/../copies/escaped'),
    'a symbolic link': () => tarOf(`ln -s /etc/passwd ${hash}`, hash),
    'a hard link': () => tarOf(`echo x > state.json; ln state.json ${hash}`, 'state.json', hash),
    'a pipe': () => tarOf(`mkfifo ${hash}`, hash),
    'a folder in the place of the state': () => tarOf('mkdir state.json', 'state.json'),
    'a folder': () => tarOf('true', 'copies'),
    'a file of another name': () => archiveOf({ 'manifest.json': '{}' }),
    'a name twice': () => {
      const once = gunzipSync(archiveOf({ [hash]: 'main 1' })).subarray(0, 1024);
      return gzipSync(Buffer.concat([once, once]));
    },
    'a state that is no state of ours by its size': () => archiveOf({ 'state.json': 'x'.repeat(65_537) }),
    'more than any disk has': () => gzipSync(encodeTarHeader({ name: hash, size: 2_147_000_000 })),
    'more files than any mirror has': () => {
      const names = Array.from({ length: CACHE_FILES + 1 }, (_, at) => sha256(`${at}`));
      const empty = names.map((name) => encodeTarHeader({ name, size: 0 }));
      return gzipSync(Buffer.concat([...empty, Buffer.alloc(1024)]), { level: 0 });
    },
    'a copy of many zeros, by its right name': () => {
      const zeros = Buffer.alloc(100_000_000);
      return archiveOf({ [sha256(zeros)]: zeros });
    },
    'a bomb of zeros': () => gzipSync(Buffer.alloc(300_000_000)),
    'a bomb of zeros behind what is ours': () =>
      gzipSync(Buffer.concat([gunzipSync(archiveOf({ 'state.json': STATE })), Buffer.alloc(50_000_000)])),
    'no archive': () => Buffer.from('<html>'),
    'half an archive': () => archiveOf({ [hash]: 'main 1', 'state.json': STATE }).subarray(0, 90),
    'a tar that ends early': () => gzipSync(gunzipSync(archiveOf({ [hash]: 'main 1' })).subarray(0, 600)),
  };
  test.each(Object.entries(hostile))('if it holds %s', async (_, make) => {
    const folder = newWork();
    const to = join(folder, 'unpacked');
    mkdirSync(to);
    writeFileSync(join(folder, 'cache.tgz'), make());
    await expect(unpack(join(folder, 'cache.tgz'), to)).rejects.toThrow(/^refused: /);
    expect((await readdir(folder)).sort()).toEqual(['cache.tgz', 'copies', 'unpacked']);
  });
});

test('a large cache travels in blocks and ranges, as between GitHub and Azure', async () => {
  await service.close();
  service = await startCacheService({ azure: true });
  const main = Buffer.alloc(140_000_000, 'main '); // above what is sent in one piece
  const from = newWork();
  writeFileSync(join(from, 'copies', sha256(main)), main);
  expect(await save(from)).toMatchObject({ outcome: 'saved', bytes: main.length });
  expect(service.seen.filter((line) => line === 'PUT blob').length).toBeGreaterThan(2);
  expect(await restore()).toMatchObject({ outcome: 'restored', files: 1, bytes: main.length });
  expect(service.seen.filter((line) => line === 'GET blob').length).toBeGreaterThan(10);
  expect(sha256(readFileSync(join(work, 'copies', sha256(main))))).toBe(sha256(main));
});
