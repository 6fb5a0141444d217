import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { status } from '../../scripts/cli/status.ts';
import { lastRunOf } from '../../scripts/cycle/memory/last-run.ts';
import { nextSteps } from '../../scripts/status/next-step.ts';
import { arrowed, labelled } from '../../scripts/status/wrap.ts';
import { expectHarmless, hostileVariants } from '../support/hostile-words.ts';
import { manifestOf, sampleReport } from '../support/mirror/samples.ts';

const STORE = "/srv/our mirror's";

describe('the next command', () => {
  const next = nextSteps({
    flags: { store: STORE, work: '/w' },
    syncFlags: { upstream: 'http://a.example' },
  });

  test('is what a shell reads, be it in one line or in several', () => {
    for (const width of [40, 80, 200]) {
      const lines = arrowed(next.sync({ retry: true }), width);
      const script = lines.join('\n').replace('→ clamav-mirror', "printf '%s\\n'");
      const words = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n');
      const flags = ['--upstream', 'http://a.example', '--store', STORE, '--work', '/w', '--retry'];
      expect(words).toEqual(['sync', ...flags]);
    }
  });

  test('has the flags that its command knows', () => {
    expect(next.release('daily').join(' ')).not.toContain('--work');
    expect(next.rollback('daily', 5).slice(1, 4)).toEqual(['rollback', '--database daily', '--to 5']);
  });
});

test('text goes on below itself, and a word that is too long has a line to itself', () => {
  expect(labelled('daily', `version 1 of ${'x'.repeat(40)} and more`, 30)).toEqual([
    '  daily      version 1 of',
    `             ${'x'.repeat(40)}`,
    '             and more',
  ]);
});

describe('words from outside command no terminal in what status tells of its state', () => {
  const at = new Date(Date.now() - 60_000);
  const since = at.toISOString();
  const state = {
    quarantine: {
      daily: { version: 28002, md5: '', reason: 'bad', code: 'proof/failed', since, until: null },
    },
    coolDowns: {
      'https://a.example': { until: new Date(Date.now() + 3_600_000).toISOString(), reason: 'no' },
    },
    lastRun: lastRunOf(sampleReport(), { upstreams: ['https://a.example'], databases: ['daily'] }, at),
  };

  test.each(hostileVariants(state))('%s', async (_, hostile) => {
    const folder = await mkdtemp(join(tmpdir(), 'status-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const store = join(folder, 'mirror');
    await mkdir(store);
    await mkdir(`${store}.work`, { mode: 0o700 });
    await writeFile(join(store, 'manifest.json'), JSON.stringify(manifestOf()));
    await writeFile(join(`${store}.work`, 'state.json'), JSON.stringify(hostile));
    let written = '';
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written += text;
      return true;
    });
    onTestFinished(() => write.mockRestore());
    for (const json of [false, true]) await status({ flags: { store }, environment: {} }, json);
    expect(written).toContain('daily');
    expectHarmless(written);
  });
});
