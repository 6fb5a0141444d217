import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { status } from '../../scripts/cli/status.ts';
import { lastRunOf } from '../../scripts/cycle/memory/last-run.ts';
import { extrasLines } from '../../scripts/status/extras-text.ts';
import { allowedEntry, extraRecord, extrasOf } from '../mirror/extras.ts';
import { manifestOf, sampleReport } from '../support/mirror/samples.ts';

const EXTRAS = extrasOf({ 'own.ndb': extraRecord('own') }, [
  allowedEntry('Win.Trojan.Agent-1', { until: '2026-07-01T00:00:00.000Z' }),
]);

test('status tells of extras with their source, and of the allow list with reason and end', () => {
  expect(extrasLines(EXTRAS, new Date('2026-06-02T12:00:00.000Z'), 200)).toEqual([
    '  extras     own.ndb: 3 bytes from https://feeds.example/own.ndb, published 2026-06-01 12:00 UTC, 1 day ago',
    '  allowed    Win.Trojan.Agent-1: since 2026-06-01 12:00 UTC until 2026-07-01 00:00 UTC, by allow: it flags our installer',
  ]);
});

test('status shows the first of many, and counts the others', () => {
  const many = Array.from({ length: 50 }, (_, at) => allowedEntry(`Name-${at}`));
  const lines = extrasLines(extrasOf({}, many), new Date(), 200);
  expect([lines.length, lines.at(-1)?.trim()]).toEqual([11, 'and 40 others']);
});

test('an extra that the last run refused is a problem with a next step, in text and JSON', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'status-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const store = join(folder, 'mirror');
  await mkdir(store);
  await mkdir(`${store}.work`, { mode: 0o700 });
  await writeFile(join(store, 'manifest.json'), JSON.stringify({ ...manifestOf(), extras: EXTRAS }));
  const lastRun = lastRunOf(sampleReport(), { upstreams: [], databases: ['daily'] }, new Date());
  const state = { quarantine: {}, coolDowns: {}, lastRun };
  await writeFile(join(`${store}.work`, 'state.json'), JSON.stringify(state));
  let written = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += text;
    return true;
  });
  onTestFinished(() => write.mockRestore());
  await status({ flags: { store }, environment: {} }, true);
  const said = JSON.parse(written);
  expect(said.extras.allowed).toMatchObject([{ what: 'Win.Trojan.Agent-1' }]);
  expect(said.troubles).toContainEqual(
    expect.objectContaining({ kind: 'extra', next: expect.stringContaining('sync') }),
  );
  written = '';
  await status({ flags: { store }, environment: {} }, false);
  expect(written).toMatch(/own\.ndb refused: it calls a safe file bad \(proof\/failed\)/);
});
