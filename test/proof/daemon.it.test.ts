import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { Transcript } from '../../scripts/engine/transcript.ts';
import { daemon } from '../../scripts/proof/scenarios/daemon.ts';
import type { Scene } from '../../scripts/proof/scenarios/scenario.ts';
import { clamdThatCrashes, clamdThatIsSent, fakeTools } from '../support/clamav/engines.ts';
import { CDIFFS, describeMirror, namesIn } from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';

describeMirror('clamd through an update', () => {
  let work: string;
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'daemon-'));
    await mkdir(join(work, 'stage'));
    await copyFile(official('test-6.cvd'), join(work, 'stage', 'test.cvd'));
    for (const name of CDIFFS) await copyFile(official(name), join(work, 'stage', name));
  });
  afterAll(() => rm(work, { recursive: true, force: true }));

  /** Plays it in a folder of its own, with clamd as this script. */
  async function play(script: string | undefined, change: { timeout?: number; published?: number } = {}) {
    const { timeout = 20_000, published = 5 } = change;
    await using tools = await fakeTools(script === undefined ? {} : { clamd: script });
    const scene: Scene = {
      candidate: {
        folder: join(work, 'stage'),
        staged: new Map([
          ['test', { version: 6, signatures: 14, fLevel: 81, cdiffs: { first: 2, last: 6 } }],
        ]),
        published: new Map(
          published === 0 ? [] : [['test', { version: published, path: official(`test-${published}.cvd`) }]],
        ),
        retained: new Map(),
        workFolder: work,
      },
      engine: await findNativeEngine(tools.path),
      folder: await mkdtemp(join(work, 'client-')),
      samples: [],
      timeout,
      transcript: new Transcript(),
    };
    return await daemon.play(scene);
  }

  test('it reloads, finds EICAR, and is stopped at the end', async () => {
    const evidence = await play(undefined);
    expect(evidence).toMatch(/^ClamAV .*correctly reloaded \(\d+ signatures\), \d+ scans meanwhile/);
    expect(evidence).toContain('eicar.zip Eicar-Test-Signature');
  });

  test('on a new mirror it starts on what is staged', async () => {
    expect(await play(undefined, { published: 0 })).toContain('eicar.com Eicar-Test-Signature');
  });

  const faults: Readonly<Record<string, [script: string, timeout: number]>> = {
    'does not start': ['echo "ERROR: Malformed database"; exit 1', 20_000],
    'never answers': ['exec sleep 600', 500],
    'crashes when it has started': [clamdThatCrashes('Reading databases from'), 20_000],
    'crashes in the reload (cl#923)': [clamdThatCrashes('Reading databases from'), 20_000],
    'crashes after the reload': [clamdThatCrashes('Activating the newly loaded'), 20_000],
    'never ends the reload': ['"$REAL" "$@" | grep -v --line-buffered "correctly reloaded"', 1500],
    'says that the reload failed': [
      `"$REAL" "$@" | sed -u "s/Database correctly reloaded.*/LibClamAV Error: Can't load daily.ldb: Malformed database/"`,
      20_000,
    ],
  };
  test.each(Object.keys(faults))(
    'one that %s fails the scenario, and nothing of it goes on',
    async (name) => {
      const [script, timeout] = faults[name] ?? ['', 0];
      await expect(play(script, { timeout })).rejects.toMatchObject({ name: 'ScenarioFailure' });
    },
  );

  test('one that somebody else tells to end is no fault of the databases', async () => {
    await expect(play(clamdThatIsSent('TERM', 'Reading databases from'))).rejects.toMatchObject({
      name: 'Disturbed',
    });
  });

  test('a crash while it scans is named with the last thing that clamd said', async () => {
    await expect(play('echo "LibClamAV Error: cli_bcapi: boom"; sleep 0.2; kill -SEGV $$')).rejects.toThrow(
      /clamd died .*by a signal.*boom/,
    );
  });

  test('an engine without clamd skips it and says so', async () => {
    const engine = await findNativeEngine(process.env.PATH ?? '');
    const tools = new Set(['freshclam', 'clamscan'] as const);
    await expect(daemon.play({ engine: { ...engine, tools } } as unknown as Scene)).rejects.toMatchObject({
      name: 'ScenarioSkipped',
    });
    expect(await namesIn(join(work, 'stage'))).toHaveLength(6);
  });
});
