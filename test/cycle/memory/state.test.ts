import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { JSON_CONTAINERS } from '../../../scripts/base/limits/manifest.ts';
import { lastRunOf } from '../../../scripts/cycle/memory/last-run.ts';
import { State } from '../../../scripts/cycle/memory/state.ts';
import type { CycleReport } from '../../../scripts/cycle/report.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const UPSTREAM = 'https://database.clamav.net';
const COOL_DOWN = { until: '2026-06-01T12:00:00.000Z', reason: 'it answered 429 to daily.cvd' };

let work = '';
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'state-'));
  work = join(folder, 'mirror.work');
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const path = () => join(work, 'state.json');

test('a machine makes up who it is once, and stays that', async () => {
  const { uuid } = await State.load(work);
  expect(uuid).toMatch(UUID);
  expect((await State.load(work)).uuid).toBe(uuid);
  rmSync(work, { recursive: true });
  expect((await State.load(work)).uuid).not.toBe(uuid);
});

test('a cool-down is kept for its upstream, and for no other', async () => {
  const state = await State.load(work);
  await state.coolDownOf(UPSTREAM).save(COOL_DOWN);
  for (const later of [state, await State.load(work)]) {
    expect(later.coolDownOf(UPSTREAM).load()).toEqual(COOL_DOWN);
    expect(later.coolDownOf('https://mirror.example').load()).toBeUndefined();
  }
  expect((await State.load(work)).uuid).toBe(state.uuid);
});

test('of many cool-downs saved at once, the last one stays', async () => {
  const memory = (await State.load(work)).coolDownOf(UPSTREAM);
  const all = [...Array(100).keys()].map((count) => ({ ...COOL_DOWN, reason: `number ${count}` }));
  await Promise.all(all.map((one) => memory.save(one)));
  expect((await State.load(work)).coolDownOf(UPSTREAM).load()).toEqual(all.at(-1));
  expect(await readdir(work)).toEqual(['state.json']);
});

describe('of a state, what cannot be understood is left out, and nothing else', () => {
  const uuid = '123e4567-e89b-42d3-a456-426614174000';
  const other = { 'https://mirror.example': COOL_DOWN };
  const contents: Record<string, string> = {
    empty: '',
    cut: '{"uuid": "123e',
    'something else': '[1, 2]',
    'more lists than anybody writes': '['.repeat(JSON_CONTAINERS + 1),
    'an uuid that is none': JSON.stringify({ uuid: '1; rm -rf', coolDowns: other }),
    'a cool-down without an end': JSON.stringify({
      uuid,
      coolDowns: { ...other, [UPSTREAM]: { reason: 'x' } },
    }),
    'a cool-down until no time': JSON.stringify({
      uuid,
      coolDowns: { ...other, [UPSTREAM]: { ...COOL_DOWN, until: 'soon' } },
    }),
    'a quarantine of another form': JSON.stringify({ uuid, coolDowns: other, quarantine: { test: 1 } }),
    'a part of another form': JSON.stringify({ uuid, coolDowns: other, quarantine: 'none' }),
  };
  test.each(Object.entries(contents))('%s', async (_, text) => {
    await mkdir(work);
    await writeFile(path(), text);
    const state = await State.load(work);
    expect(state.uuid).toMatch(UUID);
    expect(state.coolDownOf(UPSTREAM).load()).toBeUndefined();
    if (text.includes(uuid)) expect(state.uuid).toBe(uuid);
    if (text.includes(COOL_DOWN.until))
      expect(state.coolDownOf('https://mirror.example').load()).toEqual(COOL_DOWN);
    expect((await State.load(work)).uuid).toBe(state.uuid);
  });
});

describe('a quarantine is kept', () => {
  const NOW = new Date('2026-06-01T12:00:00.000Z');
  const REFUSED = { version: 6, md5: 'a'.repeat(32), reason: 'line 7 is malformed', code: 'proof/failed' };
  const loaded = async (change: { since: string; until?: string | null }) => {
    const content = { uuid: '123e4567-e89b-42d3-a456-426614174000', coolDowns: {} };
    await mkdir(work);
    const quarantine = { test: { ...REFUSED, until: null, ...change } };
    await writeFile(path(), JSON.stringify({ ...content, quarantine }));
    return (await State.load(work, NOW)).quarantineOf('test');
  };
  const until = '2026-06-02T12:00:00.000Z';

  test.each([
    { since: '2026-06-01T12:00:00.000Z' },
    { since: '2026-05-02T12:00:01.000Z' },
    { since: '2026-06-01T11:00:00.000Z', until },
    { since: '2026-06-01T12:04:59.000Z' }, // the clock was set back a little
  ])('since %o', async (change) => {
    expect(await loaded(change)).toMatchObject(change);
  });

  test.each([
    ['from the future', { since: '2026-06-01T12:05:01.000Z' }],
    ['for ever', { since: '2026-05-02T12:00:00.000Z' }],
    ['longer than any of ours', { since: '2026-06-01T11:00:00.000Z', until: '2026-06-02T12:05:01.000Z' }],
  ])('not %s: a cache may have been poisoned', async (_, change) => {
    expect(await loaded(change)).toBeUndefined();
  });
});

describe('how the last run went is kept', () => {
  const NOW = new Date('2026-06-01T12:00:00.000Z');
  const report: CycleReport = {
    outcome: 'refused',
    databases: {
      test: {
        outcome: 'refused',
        from: 5,
        to: 5,
        how: 'unchanged',
        offered: 6,
        upstreamBytes: 522,
        code: 'proof/failed',
        reason: `clamd died\x1b[2J${'x'.repeat(9999)}`,
        notes: ['told once'],
      },
    },
    proof: null,
    upstreamBytes: 522,
    duration: 2.5,
    times: {},
    error: { code: 'file/full', message: 'y'.repeat(9999) },
  };
  const run = lastRunOf(report, { upstreams: [UPSTREAM], databases: ['test', 'daily'] }, NOW);

  test('for whoever looks, within bounds, and without a trace', async () => {
    await mkdir(work);
    expect(await State.look(work, NOW)).toMatchObject({ coolDowns: {}, quarantine: {} });
    expect(await readdir(work)).toEqual([]);
    await (await State.load(work, NOW)).setLastRun(run);
    const { lastRun } = await State.look(work, NOW);
    expect(lastRun).toEqual(run);
    expect(lastRun).toMatchObject({
      outcome: 'refused',
      mirrored: ['test', 'daily'],
      databases: {
        test: {
          outcome: 'refused',
          to: 5,
          offered: 6,
          reason: expect.stringMatching(/^clamd died\?\[2Jx{480,}$/),
        },
      },
    });
    expect(JSON.stringify(lastRun).length).toBeLessThan(1500);
    expect(await readdir(work)).toEqual(['state.json']);
  });

  test.each([
    ['that is no report', { at: NOW.toISOString() }],
    ['that lies ahead', { ...run, at: '2026-06-01T12:06:00.000Z' }],
    ['with a name that is none', { ...run, databases: { '../x': { outcome: 'failed', to: null } } }],
    ['of another kind', 'fine'],
  ])('but not one %s, and the rest of the state goes on', async (_, lastRun) => {
    await mkdir(work);
    const coolDowns = { [UPSTREAM]: COOL_DOWN };
    await writeFile(path(), JSON.stringify({ coolDowns, lastRun }));
    const memory = await State.look(work, NOW);
    expect(memory.coolDowns).toEqual(coolDowns);
    expect(memory.lastRun).toBeUndefined();
  });

  test('by this machine alone: a cache tells of another one', async () => {
    await mkdir(work);
    await writeFile(join(work, 'cached-state.json'), JSON.stringify({ lastRun: run }));
    await State.load(work, NOW);
    expect((await State.look(work, NOW)).lastRun).toBeUndefined();
  });
});

test('a link in the place of a state is no state: it is not followed', async () => {
  await mkdir(work);
  await symlink(path(), path());
  expect((await State.load(work)).uuid).toMatch(UUID);
});

test('a cool-down that cannot be written down still holds for this run', async () => {
  const memory = (await State.load(work)).coolDownOf(UPSTREAM);
  rmSync(work, { recursive: true });
  await writeFile(work, 'in the way');
  await expect(memory.save(COOL_DOWN)).rejects.toThrow();
  expect(memory.load()).toEqual(COOL_DOWN);
  rmSync(work);
  await memory.save(COOL_DOWN);
  expect((await State.load(work)).coolDownOf(UPSTREAM).load()).toEqual(COOL_DOWN);
});

describe('what was refused', () => {
  const refused = { status: 403, file: 'daily.cvd', ray: '8c1f-FRA', title: 'Blocked' };
  const coolDown = { ...COOL_DOWN, since: '2026-05-31T12:00:00.000Z', refused };
  const load = async (entry: unknown) => {
    await mkdir(work);
    await writeFile(path(), JSON.stringify({ coolDowns: { [UPSTREAM]: entry } }));
    return (await State.load(work)).lastCoolDownOf(UPSTREAM);
  };

  test('is kept with its cool-down, for whoever is to be told', async () => {
    await (await State.load(work)).coolDownOf(UPSTREAM).save(coolDown);
    expect((await State.load(work)).lastCoolDownOf(UPSTREAM)).toEqual(coolDown);
  });

  test('is not known of a cool-down by a version before', async () => {
    expect(await load(COOL_DOWN)).toEqual(COOL_DOWN);
  });

  test('is short and fit to be printed, whoever wrote it', async () => {
    const found = await load({ ...coolDown, refused: { ...refused, title: `\u001b[2J${'x'.repeat(5000)}` } });
    expect(found?.refused?.title).toMatch(/^\?\[2Jx{100,300}$/);
  });

  test('is not taken for what it is not', async () => {
    expect(await load({ ...coolDown, refused: { status: 'all', file: 7 } })).toBeUndefined();
  });
});
