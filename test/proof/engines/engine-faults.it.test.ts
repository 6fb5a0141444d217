import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TOOL_MS } from '../../../scripts/base/limits/engines.ts';
import { SILENT } from '../../../scripts/base/log.ts';
import type { DatabaseReport } from '../../../scripts/cycle/report.ts';
import { labelOf } from '../../../scripts/engine/docker/image.ts';
import type { Engine, Tool } from '../../../scripts/engine/engine.ts';
import { openEngines } from '../../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../../scripts/engine/spec.ts';
import { type Prove, type ProveOptions, proveWith } from '../../../scripts/proof/prove.ts';
import { clamdThatCrashes, fakeTools, knowing, trusting } from '../../support/clamav/engines.ts';
import { describeWithImages, image } from '../../support/docker/docker.ts';
import { docker } from '../../support/docker/of-this-run.ts';
import { describeWithSmallDisks, mount } from '../../support/machine/small-disk.ts';
import {
  describeMirror,
  expectNoLeftovers,
  offer,
  ofTest,
  startMirror,
  type TestMirror,
  untouched,
} from '../../support/mirror/cycle.ts';
import { everyNth } from '../../support/sample.ts';

const PATH = process.env.PATH ?? '';

interface Faulty extends Partial<ProveOptions> {
  readonly path?: string;
  /** Does something to the engines when they are open. */
  readonly change?: (engine: Engine) => Engine | Promise<Engine>;
}

/** What `clamav-mirror sync --engines=SPEC` proves with. */
async function prover(mirror: TestMirror, spec: string, faulty: Faulty = {}): Promise<Prove> {
  const { path = PATH, change = (engine) => engine, ...options } = faulty;
  const engines = await openEngines([parseEngineSpec(spec)], { path, work: mirror.work, log: SILENT });
  return proveWith(await Promise.all(engines.map(change)), { now: () => new Date(), ...options });
}

/** A cycle that fails: what is published stays, nothing is left in the work folder. */
async function syncInVain(
  mirror: TestMirror,
  spec: string,
  faulty?: Faulty,
): Promise<Partial<DatabaseReport>> {
  const openProver = () => prover(mirror, spec, faulty);
  const report = await untouched(mirror, () => mirror.sync({ openProver }));
  expect(ofTest(report), JSON.stringify(report)).toMatchObject({ from: 1, to: 1, offered: 6 });
  expect(report.outcome).toMatch(/^(refused|failed)$/);
  return ofTest(report);
}

async function quarantineOf(mirror: TestMirror): Promise<unknown> {
  const state = JSON.parse(await readFile(join(mirror.work, 'state.json'), 'utf8'));
  return state.quarantine.test;
}

/** The engine is at fault, so the version is not, and the next cycle takes it. */
async function expectFailedAndTriedAgain(mirror: TestMirror, fared: Partial<DatabaseReport>): Promise<void> {
  expect(fared).toMatchObject({ outcome: 'failed' });
  expect(fared.code).toMatch(/^(engine\/broken|file\/full|ENOSPC)$/);
  expect(await quarantineOf(mirror)).toBeUndefined();
  expect(ofTest(await mirror.sync({ openProver: async () => trusting }))).toMatchObject({ to: 6 });
  await expectNoLeftovers(mirror);
}

/** The engine does not prove the version, and says no more. */
async function expectRefused(mirror: TestMirror, fared: Partial<DatabaseReport>): Promise<void> {
  expect(fared).toMatchObject({ outcome: 'refused', code: 'proof/failed' });
  expect(await quarantineOf(mirror)).toMatchObject({ version: 6 });
  await expectNoLeftovers(mirror);
}

/** A mirror with version 1 that is offered version 6, with all CDIFFs or with none. */
async function start(rebuilds = false): Promise<TestMirror> {
  const mirror = await startMirror(1);
  expect((await mirror.sync({ openProver: async () => trusting })).outcome).toBe('published');
  offer(mirror, 6);
  if (!rebuilds) mirror.upstream.remove('test-2.cdiff');
  mirror.upstream.forget();
  return mirror;
}

/** A tool that is killed in the middle of its work. */
const CRASH = '"$REAL" "$@" > /tmp/said 2>&1 & kill -SEGV $!; wait $!; exit 139';
const HANG = '"$REAL" "$@"; sleep 600';
/** For a tool that hangs, and for no other. Milliseconds. */
const SHORT = 500;

describeMirror('a fault of the native engine', () => {
  const crashing: [Tool, RegExp][] = [
    [
      'freshclam',
      /fails with what is published, too: a client with an empty folder .*: the client has no test/,
    ],
    ['clamscan', /fails with what is published, too: clamscan, with .*: clamscan said nothing of .*SIGSEGV/],
    ['clamd', /fails with what is published, too: clamd reloads .*: clamd died/],
  ];
  test.each(everyNth(3, crashing))(
    'a %s that crashes with what is published, too, is broken',
    async (tool, said) => {
      await using mirror = await start();
      await using tools = await fakeTools({ [tool]: 'kill -SEGV $$; sleep 5' });
      const fared = await syncInVain(mirror, 'native', { path: tools.path });
      expect(fared.reason).toMatch(said);
      await expectFailedAndTriedAgain(mirror, fared);
    },
  );

  const crashingWithNew: [Tool, RegExp][] = [
    ['clamd', /: clamd reloads .*: clamd died/],
    ['freshclam', /: a client with an empty folder .*: the client has no test/],
    ['clamscan', /: clamscan, with .*: clamscan said nothing of .*SIGSEGV/],
  ];
  test.each(everyNth(3, crashingWithNew))(
    'a %s that crashes with the new version alone refuses it',
    async (tool, said) => {
      await using mirror = await start();
      const crash = {
        freshclam: '"$REAL" "$@"; has 6 && rm "$D"/test.* && kill -SEGV $$; exit 0',
        clamscan: 'has 6 && kill -SEGV $$; exec "$REAL" "$@"',
        clamd: clamdThatCrashes('Reading databases from', 'has 6'),
      };
      await using tools = await fakeTools({ [tool]: `${knowing('test', 6)}; ${crash[tool]}` });
      const fared = await syncInVain(mirror, 'native', { path: tools.path });
      expect(fared.reason).toMatch(said);
      await expectRefused(mirror, fared);
    },
  );

  describe('where nothing is published', () => {
    test.each(everyNth<Tool>(3, ['clamscan', 'clamd', 'freshclam']))(
      'a %s that crashes with a database of our own, too, is broken',
      async (tool) => {
        await using mirror = await startMirror(6);
        await using tools = await fakeTools({ [tool]: 'kill -SEGV $$; sleep 5' });
        const report = await mirror.sync({ openProver: () => prover(mirror, 'native', tools) });
        expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'engine/broken', from: null });
        expect(ofTest(report).reason).toMatch(/with a database of our own, too/);
        expect(await quarantineOf(mirror)).toBeUndefined();
        expect(ofTest(await mirror.sync())).toMatchObject({ outcome: 'published', to: 6 });
      },
    );

    test('a clamscan that crashes with what is offered alone refuses it', async () => {
      await using mirror = await startMirror(6);
      const clamscan = `${knowing('test', 6)}; has 6 && kill -SEGV $$; exec "$REAL" "$@"`;
      await using tools = await fakeTools({ clamscan });
      const report = await mirror.sync({ openProver: () => prover(mirror, 'native', tools) });
      expect(ofTest(report), JSON.stringify(report)).toMatchObject({
        outcome: 'refused',
        code: 'proof/failed',
      });
      expect(await quarantineOf(mirror)).toMatchObject({ version: 6 });
    });
  });

  test.each<[string, Tool, string]>([
    ['is killed for want of memory', 'clamscan', 'kill -KILL $$'],
    [
      'says so in its own words',
      'clamscan',
      `echo "LibClamAV Error: mpool_malloc(): Can't allocate memory (262144 bytes)."; exit 2`,
    ],
    ['has a child that is killed', 'freshclam', 'echo "ERROR: Database load killed by signal 9"; exit 1'],
  ])('a tool that lacks memory for the new version alone, and %s, refuses nothing', async (_, tool, lack) => {
    await using mirror = await start();
    const script =
      tool === 'freshclam'
        ? `"$REAL" "$@"; has 6 && rm "$D"/test.* && { ${lack}; }; exit 0`
        : `has 6 && { ${lack}; }; exec "$REAL" "$@"`;
    await using tools = await fakeTools({ [tool]: `${knowing('test', 6)}; ${script}` });
    const fared = await syncInVain(mirror, 'native', { path: tools.path });
    expect(fared.reason).toMatch(/more memory/);
    await expectFailedAndTriedAgain(mirror, fared);
  });

  test.each<[string, Tool, string, number?]>([
    ['hangs', 'freshclam', 'exec sleep 60', SHORT],
    ['is told to end by somebody else', 'clamd', '"$REAL" "$@" & kill $!; wait $!; exit 0'],
    ['finds its port taken', 'clamd', 'echo "ERROR: TCP: Cannot bind: Address already in use"; exit 1'],
  ])('a tool that %s once is run once more', async (_, tool, script, limit = TOOL_MS) => {
    await using mirror = await start();
    const once = `[ -e "$HERE/once" ] || { touch "$HERE/once"; ${script}; }; exec "$REAL" "$@"`;
    await using tools = await fakeTools({ [tool]: once });
    const change = limited(tool, limit, { runs: 1 });
    const openProver = () => prover(mirror, 'native', { path: tools.path, change });
    const report = await mirror.sync({ openProver });
    expect(ofTest(report), JSON.stringify(report)).toMatchObject({ outcome: 'published', to: 6 });
  });

  test('a clamd that somebody else ends each time is no reason to refuse a version', async () => {
    await using mirror = await start();
    await using tools = await fakeTools({ clamd: 'exit 0' });
    const fared = await syncInVain(mirror, 'native', { path: tools.path });
    await expectFailedAndTriedAgain(mirror, fared);
  });

  test('a tool that hangs each time is killed each time, and all of it has an end', async () => {
    await using mirror = await start();
    await using tools = await fakeTools({ freshclam: `exec sleep ${60 + process.pid / 1e7}` });
    const fared = await syncInVain(mirror, 'native', { path: tools.path, timeout: 500, engineTimeout: 2000 });
    expect(fared.reason).toMatch(/freshclam was killed after 0\.5 s/);
    await expectFailedAndTriedAgain(mirror, fared);
    expect(spawnSync('pgrep', ['-f', `sleep ${60 + process.pid / 1e7}`]).status).toBe(1);
  });

  describeWithSmallDisks('a full disk', () => {
    test.each(everyNth(2, ['56k', '128k', '228k']))(
      'in the place of the work folder (%s) is no reason to refuse a version',
      async (size) => {
        await using mirror = await start(true);
        using small = mount(mirror.work, size);
        const fared = await syncInVain(mirror, 'native');
        small.resize('10m');
        await expectFailedAndTriedAgain(mirror, fared);
      },
    );
  });
});

describeMirror('a fault of an engine in containers', () => {
  describeWithImages('newest')('by an image', () => {
    test.each<[string, Partial<Record<Tool, string>>, RegExp]>([
      ['a crash of freshclam', { freshclam: CRASH }, /the client has no test.*signal/],
      ['a clamscan that hangs', { clamscan: HANG }, /clamscan was killed for want of time/],
    ])('%s with every database proves nothing and leaves nothing running', async (_, scripts, said) => {
      await using mirror = await start();
      await using faulty = await imageWith(scripts);
      const fared = await syncInVain(mirror, `docker:${faulty.tag}`, { change: limited('clamscan', SHORT) });
      expect(fared.reason).toMatch(said);
      expect(await containersOf(mirror)).toBe('');
      await expectFailedAndTriedAgain(mirror, fared);
    });

    test('one that is missing ends the cycle before anything is downloaded', async () => {
      await using mirror = await start();
      const openProver = () => prover(mirror, 'docker:clamav-mirror-test:never-built');
      const report = await untouched(mirror, () => mirror.sync({ openProver }));
      expect(report).toMatchObject({ outcome: 'failed', error: { code: 'engine/missing' } });
      expect(report.error?.message).toContain('never-built');
      expect(mirror.upstream.asked).toEqual(['test.cvd']); // the probe
      expect(await quarantineOf(mirror)).toBeUndefined();
    });

    test('one that vanishes before it proves is no reason to refuse a version', async () => {
      await using mirror = await start();
      await using vanishing = await imageWith({});
      const change = async (engine: Engine) => {
        await vanishing[Symbol.asyncDispose]();
        return engine;
      };
      await expectFailedAndTriedAgain(
        mirror,
        await syncInVain(mirror, `docker:${vanishing.tag}`, { change }),
      );
    });

    test.each(everyNth<Tool>(2, ['clamd', 'freshclam']))(
      'a container that is removed while %s runs is no reason to refuse a version',
      async (tool) => {
        await using mirror = await start();
        const change = whileRunning(tool, async () => {
          const running = (await containersOf(mirror)).split('\n'); // those of other clients among them
          await Promise.allSettled(running.map((id) => docker('rm', '--force', '--volumes', id)));
        });
        const fared = await syncInVain(mirror, `docker:${image('newest')}`, { change });
        await expectFailedAndTriedAgain(mirror, fared);
        expect(await containersOf(mirror)).toBe('');
      },
    );

    describeWithSmallDisks('with a full disk', () => {
      test('in the place of the work folder', async () => {
        await using mirror = await start(true);
        using small = mount(mirror.work, '188k');
        const fared = await syncInVain(mirror, `docker:${image('newest')}`);
        expect(await containersOf(mirror)).toBe('');
        small.resize('10m');
        await expectFailedAndTriedAgain(mirror, fared);
      });
    });
  });

  describeWithImages('newest')('by a running container', () => {
    let container: string;
    beforeEach(async () => {
      container = await docker('run', '--detach', '--network=host', image('newest'), 'sleep', '6000');
    });
    afterEach(async () => void (await docker('rm', '--force', '--volumes', container)));

    const left = async () => {
      const processes = await docker('top', container, '-eo', 'pid,args');
      const inTmp = await docker('exec', container, 'ls', '-A', '/tmp');
      return [...processes.split('\n').slice(1), ...inTmp.split('\n')].filter((line) => line !== '');
    };
    const SLEEPS = [expect.stringMatching(/ sleep 6000$/)];

    test.each(everyNth<Tool>(2, ['freshclam', 'clamd']))(
      'that is stopped while %s runs: it is no reason to refuse a version',
      async (tool) => {
        await using mirror = await start();
        const stop = async () => void (await docker('stop', '--time=0', container));
        const change = whileRunning(tool, stop);
        const fared = await syncInVain(mirror, `container:${container}`, { change });
        await expectFailedAndTriedAgain(mirror, fared);
        await docker('start', container);
        expect(await left()).not.toEqual(SLEEPS); // nobody could clear up there
        await prover(mirror, `container:${container}`);
        expect(await left()).toEqual(SLEEPS);
      },
    );

    test('whose memory does not do for clamscan: it lacks memory, and refuses nothing', async () => {
      await using mirror = await start();
      const limit = async (size: string) =>
        void (await docker('update', `--memory=${size}`, `--memory-swap=${size}`, container));
      await limit('1g');
      let isLimited = false;
      const change = (engine: Engine): Engine => ({
        ...engine,
        start: async (task) => {
          if (task.tool === 'clamscan' && !isLimited) await limit('6m');
          isLimited ||= task.tool === 'clamscan';
          return await engine.start(task);
        },
      });
      const fared = await syncInVain(mirror, `container:${container}`, { change });
      expect(fared.reason).toMatch(/SIGKILL.*more memory/);
      await limit('1g');
      const openProver = () => prover(mirror, `container:${container}`);
      expect(ofTest(await mirror.sync({ openProver }))).toMatchObject({ outcome: 'published', to: 6 });
    });

    test('whose freshclam hangs has nothing running afterwards', async () => {
      await using mirror = await start();
      await replaceTools(container, { freshclam: HANG });
      const fared = await syncInVain(mirror, `container:${container}`, {
        change: limited('freshclam', SHORT),
      });
      expect(fared.reason).toMatch(/freshclam was killed after \d/);
      await expectFailedAndTriedAgain(mirror, fared);
      expect(await left()).toEqual(SLEEPS);
    });
  });
});

/** Does something once this tool has been started, when the fault is sure to meet it. */
function whileRunning(tool: Tool, fault: () => Promise<void>): (engine: Engine) => Engine {
  return (engine) => ({
    ...engine,
    start: async (task) => {
      if (task.tool !== tool) return await engine.start(task);
      const program = await engine.start(task);
      await fault();
      return program;
    },
  });
}

/** Gives this tool less time than the others have, in each run or in the first ones. Milliseconds. */
function limited(
  tool: Tool,
  timeout: number,
  { runs = Number.POSITIVE_INFINITY } = {},
): (engine: Engine) => Engine {
  let left = runs;
  return (engine) => ({
    ...engine,
    start: async (task) => {
      const isLimited = task.tool === tool && left-- > 0;
      return await engine.start(isLimited ? { ...task, timeout: Math.min(timeout, task.timeout) } : task);
    },
  });
}

/** An image with shell scripts in the place of ClamAV's tools, as `fakeTools` has them. */
async function imageWith(
  scripts: Partial<Record<Tool, string>>,
): Promise<AsyncDisposable & { readonly tag: string }> {
  const tag = `clamav-mirror-test:faulty-${process.pid}`;
  const container = await docker('run', '--detach', '--network=none', image('newest'), 'sleep', '600');
  try {
    await replaceTools(container, scripts);
    await docker('commit', container, tag);
  } finally {
    await docker('rm', '--force', '--volumes', container);
  }
  return {
    tag,
    [Symbol.asyncDispose]: async () => void (await docker('image', 'rm', '--force', tag)),
  };
}

/** What asks the tools who they are is answered by the real ones. */
async function replaceTools(container: string, scripts: Partial<Record<Tool, string>>): Promise<void> {
  for (const [tool, script] of Object.entries(scripts)) {
    const lines = [
      '#!/bin/sh',
      'REAL=$0.real',
      'case "$*" in *levels.ldb* | --version | *empty.conf*) exec "$REAL" "$@" ;; esac',
      script,
    ];
    const put =
      'at=$(command -v "$0") && mv "$at" "$at.real" && printf "%s\\n" "$1" >"$at" && chmod 755 "$at"';
    await docker('exec', '--user=0:0', container, 'sh', '-c', put, tool, lines.join('\n'));
  }
}

async function containersOf(mirror: TestMirror): Promise<string> {
  return await docker('ps', '--all', '--quiet', `--filter=label=${labelOf(mirror.work)}`);
}
