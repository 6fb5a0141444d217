import { spawnSync } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { acquireExtras } from '../../scripts/extras/acquire.ts';
import { EXTRA_MEMORY } from '../../scripts/extras/memory.ts';
import { MARK } from '../cycle/kills/kill-at.ts';
import { describeWithSmallDisks, mount } from '../support/machine/small-disk.ts';
import { BEGIN, contextIn, feed, folder, RULE, recordOf, source } from './support.ts';

const PRELOAD = join(import.meta.dirname, '..', 'cycle', 'kills', 'kill-at.ts');
const ONCE = join(import.meta.dirname, 'acquire-once.ts');

function acquireKilledAt(change: number, work: string, wanted: readonly object[]) {
  const args = ['--import', PRELOAD, ONCE, work, JSON.stringify(wanted)];
  const environment = { PATH: process.env.PATH ?? '', KILL_AT: String(change) };
  return spawnSync(process.execPath, args, { encoding: 'utf8', env: environment });
}

test('killed at any change to a file: the next run has the old bytes or the new ones, whole', async () => {
  const own = join(await folder(), 'own.ndb');
  const wanted = [source('own.ndb', own), source('other.ndb', own)];
  const begin = async (): Promise<string> => {
    const work = await folder();
    await writeFile(own, RULE);
    await acquireExtras(wanted, contextIn(work));
    await writeFile(own, `${RULE}#\n`);
    return work;
  };
  const whole = acquireKilledAt(0, await begin(), wanted);
  const changes = whole.stderr.split('\n').filter((line) => line.startsWith(MARK));
  expect(changes.length).toBeGreaterThan(6);
  for (let change = 1; change <= changes.length; change++) {
    const work = await begin();
    expect(acquireKilledAt(change, work, wanted).signal, `change ${change}`).toBe('SIGKILL');
    const acquired = await acquireExtras(wanted, contextIn(work));
    const { sha256 } = recordOf(`${RULE}#\n`);
    expect(acquired, `change ${change}`).toMatchObject(
      wanted.map(({ name }) => ({ name, outcome: 'new', sha256 })),
    );
    for (const { path = '' } of acquired) expect(await readFile(path, 'utf8')).toBe(`${RULE}#\n`);
  }
});

test('whatever the umask is, nobody else reads what a customer pays for', async () => {
  const { url } = await feed((_, response) => response.end(RULE));
  const before = process.umask(0);
  const work = await folder();
  const [acquired] = await acquireExtras([source('own.ndb', url)], contextIn(work)).finally(() =>
    process.umask(before),
  );
  expect((await stat(acquired?.path ?? '')).mode & 0o077).toBe(0);
});

describeWithSmallDisks('a disk that is full', () => {
  test('fails an extra, not its source, and the next run has it', async () => {
    const [work, large] = [await folder(), `${RULE}${'#'.repeat(200_000)}\n`];
    const { url, asked } = await feed((_, response) => response.end(large));
    const wanted = [source('own.ndb', url, { maxSize: 1_000_000 })];
    using disk = mount(work, '100k');
    expect(await acquireExtras(wanted, contextIn(work))).toMatchObject([
      { outcome: 'failed', code: 'file/full' },
    ]);
    disk.resize('2m');
    const now = () => new Date(BEGIN + 60_000);
    expect(await acquireExtras(wanted, contextIn(work, { now }))).toMatchObject([{ outcome: 'new' }]);
    expect(asked).toHaveLength(2);
    expect(await readFile(join(work, EXTRA_MEMORY), 'utf8')).toContain('own.ndb');
  });
});
