import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Log, SILENT } from '../../scripts/base/log.ts';
import { type Engine, EngineError, type Tool } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { type ProveOptions, proveWith } from '../../scripts/proof/prove.ts';
import type { Candidate } from '../../scripts/proof/scenarios/scenario.ts';
import { clamdThatCrashes, fakeTools, knowing } from '../support/clamav/engines.ts';
import { describeMirror, offered } from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';

const PATH = process.env.PATH ?? '';
const CLIENTS = 10;

describeMirror('a proof whose clients run side by side', () => {
  let work: string;
  let candidate: Candidate;
  beforeEach(async () => {
    work = await mkdtemp(join(tmpdir(), 'beside-'));
    const folder = join(work, 'stage');
    await mkdir(folder);
    for (const [name, path] of offered(6)) await copyFile(path, join(folder, name));
    const earlier = (version: number) => ({ version, path: official(`test-${version}.cvd`) });
    candidate = {
      folder,
      staged: new Map([['test', { version: 6, signatures: 14, fLevel: 81, cdiffs: { first: 2, last: 6 } }]]),
      published: new Map([['test', earlier(5)]]),
      retained: new Map([['test', [earlier(3)]]]),
      workFolder: work,
    };
  });
  afterEach(() => rm(work, { recursive: true, force: true }));

  const prove = async (engines: readonly Engine[], options: Partial<ProveOptions> = {}) =>
    await proveWith(engines, { now: () => new Date(), timeout: 60_000, ...options })(candidate);

  async function engineOf(name: string, scripts: Partial<Record<Tool, string>> = {}) {
    const tools = await fakeTools(scripts);
    const dispose = () => tools[Symbol.asyncDispose]();
    return { engine: { ...(await findNativeEngine(tools.path)), name }, [Symbol.asyncDispose]: dispose };
  }

  /** An engine that notes which of its tools run. */
  function watched(engine: Engine, running: Set<object>, begun: Tool[]): Engine {
    return {
      ...engine,
      start: async (task) => {
        begun.push(task.tool);
        const one = { tool: task.tool };
        running.add(one);
        const program = await engine.start(task);
        void program.ended.finally(() => running.delete(one)).catch(() => {});
        return program;
      },
    };
  }

  test('has a clamd that starts before the fresh client is there, and says when each of them ran', async () => {
    const meet = (own: string, other: string) =>
      `case "$*" in *--datadir=*) touch "$HERE/${own}-runs"; until [ -e "$HERE/${other}-runs" ]; do sleep 0.02; done ;; esac
      exec "$REAL" "$@"`;
    await using one = await engineOf('one', {
      freshclam: meet('freshclam', 'clamd'),
      clamd: meet('clamd', 'freshclam'),
    });
    const { passed, results, memory } = await prove([one.engine]);
    expect(passed, JSON.stringify(results)).toBe(true);
    expect(results).toHaveLength(CLIENTS);
    const spanOf = (words: RegExp) => {
      const { began = Number.NaN, duration } = results.find(({ scenario }) => words.test(scenario)) ?? {
        duration: 0,
      };
      return { from: began, to: began + duration };
    };
    const [fresh, scan, clamd] = [spanOf(/empty folder/), spanOf(/^clamscan/), spanOf(/^clamd/)];
    expect(clamd.from).toBeLessThan(fresh.to);
    expect(fresh.from).toBeLessThan(clamd.to);
    expect(scan.from).toBeGreaterThanOrEqual(fresh.to - 0.002); // of two times, each to the millisecond
    expect(memory).toMatchObject({ oneByOne: false });
  });

  test.each<[string, Partial<Record<Tool, string>>, RegExp]>([
    ['a clamscan that crashes', { clamscan: 'has 6 && kill -SEGV $$; exec "$REAL" "$@"' }, /^clamscan/],
    ['a clamd that crashes in the reload', { clamd: clamdThatCrashes('Activating', 'has 6') }, /^clamd/],
    [
      'a clamscan that gives a wrong verdict',
      { clamscan: '"$REAL" "$@" | { has 6 && sed s/Eicar-Test/Win.Other/ || cat; }; exit 1' },
      /^clamscan/,
    ],
  ])('with %s still has every scenario of both engines, in order', async (_, scripts, failing) => {
    const known = Object.fromEntries(
      Object.entries(scripts).map(([tool, script]) => [tool, `${knowing('test', 6)}; ${script}`]),
    );
    await using sound = await engineOf('sound');
    await using faulty = await engineOf('faulty', known);
    const { passed, results } = await prove([faulty.engine, sound.engine]);
    expect(passed).toBe(false);
    const [ofFaulty, ofSound] = ['faulty', 'sound'].map((name) =>
      results.filter(({ engine }) => engine === name),
    );
    expect(ofFaulty?.map(({ scenario }) => scenario)).toEqual(ofSound?.map(({ scenario }) => scenario));
    expect(ofSound).toHaveLength(CLIENTS);
    expect(ofSound?.filter(({ result }) => result === 'failed')).toEqual([]);
    const failed = ofFaulty?.filter(({ result }) => result === 'failed').map(({ scenario }) => scenario);
    expect(failed).toEqual([expect.stringMatching(failing)]);
  });

  test('ends nothing of a sound engine when another cannot run at all, and nothing goes on afterwards', async () => {
    const native = await findNativeEngine(PATH);
    const [running, begun] = [new Set<object>(), [] as Tool[]];
    const sound = { ...watched(native, running, begun), name: 'sound' };
    const start = () => Promise.reject(new EngineError('engine/broken', 'it is gone'));
    await expect(prove([{ ...native, name: 'gone', start }, sound])).rejects.toMatchObject({
      code: 'engine/broken',
      message: 'it is gone',
    });
    expect(begun).toContain('clamd');
    expect(begun).toContain('clamscan');
    expect(running.size).toBe(0);
  });

  test('loads one after the other where memory is short, with the same results, and says so once', async () => {
    const said: string[] = [];
    const log: Log = { ...SILENT, info: (line) => void said.push(line) };
    const native = await findNativeEngine(PATH);
    const loading = new Set<object>();
    let most = 0;
    const counted = (name: string): Engine => ({
      ...native,
      name,
      start: async (task) => {
        const program = await native.start(task);
        if (task.tool === 'freshclam') return program;
        loading.add(program);
        most = Math.max(most, loading.size);
        void program.ended.finally(() => loading.delete(program)).catch(() => {});
        return program;
      },
    });
    const { passed, results, memory } = await prove([counted('one'), counted('two')], { log, memory: 1e6 });
    expect(passed, JSON.stringify(results)).toBe(true);
    expect(results).toHaveLength(2 * CLIENTS);
    expect(most).toBe(1);
    expect(memory).toMatchObject({ oneByOne: true });
    expect(said).toEqual([expect.stringMatching(/one after the other/)]);
  });
});
