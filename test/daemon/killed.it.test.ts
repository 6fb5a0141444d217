import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { codeOf } from '../../scripts/base/errors.ts';
import { parseManifest } from '../../scripts/mirror/manifest.ts';
import { freshclam } from '../support/clamav/update-clients.ts';
import {
  CDIFFS,
  describeMirror,
  faults,
  offer,
  startMirror,
  type TestMirror,
} from '../support/mirror/cycle.ts';
import { sampled } from '../support/sample.ts';
import { official } from '../support/setup/official.ts';
import { type RunningMirror, startRun } from './running.ts';
import { seeded } from './support.ts';

const ROUNDS = sampled(9, 40);
const SEED = 17;

/** Moments at which a run is killed; each ends at the end of the cycle at the latest. */
const MOMENTS: Readonly<
  Record<string, (run: RunningMirror, mirror: TestMirror, random: () => number) => Promise<unknown>>
> = {
  'as its cycle begins': async (run) => await run.next('cycle-start'),
  'at a request of its cycle': async (_, { upstream }, random) => {
    const count = Math.floor(random() * 4);
    while (upstream.requests.length <= count) await immediate();
  },
  'as the store changes': async (_, { store }) =>
    await new Promise<void>((resolve) => {
      const watcher = watch(store, () => {
        watcher.close();
        resolve();
      });
    }),
  'as its cycle ends': async (run) => await run.next('cycle-end'),
};

describeMirror('a mirror that is killed and started again, over and over', () => {
  test('never serves a byte that was not proven, and gets to the newest version', {
    timeout: ROUNDS * 60_000,
  }, async () => {
    const random = seeded(SEED);
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
    await using mirror = await startMirror(1);
    const genuine = await genuineFiles();
    const seen: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      offer(mirror, Math.min(6, 1 + Math.floor((round * 6) / ROUNDS)));
      mirror.upstream.forget();
      await using run = await startRun(mirror.flags());
      const reader = startReader(run.url, genuine);
      const [when, moment] = pick(Object.entries(MOMENTS));
      const isOver = run.next('cycle-end').catch(() => {});
      await Promise.race([moment(run, mirror, random), isOver]);
      const who = pick(['the cycle', 'all']);
      if (who === 'the cycle') {
        kill(await run.cyclePid());
        await isOver;
      }
      await run.end('SIGKILL');
      const { wrong } = await reader.end();
      const left = (await manifestIn(mirror.store)) ? await faults(mirror.store) : [];
      seen.push(...[...wrong, ...left].map((fault) => `round ${round}, ${who} ${when}: ${fault}`));
    }
    expect(seen).toEqual([]);
    await using run = await startRun(mirror.flags());
    await run.next('cycle-end', ({ report }) => report?.databases.test?.to === 6);
    const reader = startReader(run.url, genuine);
    expect(await freshclam.update(join(mirror.folder, 'client'), run.url)).toBe(6);
    expect(await reader.end()).toEqual({ files: expect.toSatisfy((files: number) => files > 0), wrong: [] });
    expect(await faults(mirror.store)).toEqual([]);
  });
});

/** What Talos made, by name: each version of the CVD, and each CDIFF. */
async function genuineFiles(): Promise<ReadonlyMap<string, readonly Buffer[]>> {
  const read = async (names: readonly string[]) =>
    await Promise.all(names.map((name) => readFile(official(name))));
  const files = new Map([
    ['test.cvd', await read([1, 2, 3, 4, 5, 6].map((version) => `test-${version}.cvd`))],
  ]);
  for (const name of CDIFFS) files.set(name, await read([name]));
  return files;
}

/** Reads everything again and again, and compares each byte that comes, also of answers that break off. */
function startReader(url: string, genuine: ReadonlyMap<string, readonly Buffer[]>) {
  const wrong: string[] = [];
  let [files, isEnding] = [0, false];
  const reading = (async () => {
    do {
      for (const [name, versions] of genuine) {
        const bytes = await read(`${url}/${name}`);
        if (bytes === undefined) continue;
        if (!versions.some((version) => version.subarray(0, bytes.length).equals(bytes))) wrong.push(name);
        files++;
      }
      const manifest = await read(`${url}/manifest.json`);
      if (manifest !== undefined && manifest.length > 0) wrong.push(...faultsOf(manifest.toString()));
    } while (!isEnding);
  })();
  return {
    async end() {
      isEnding = true;
      await reading;
      return { files, wrong };
    },
  };
}

/** The bytes that came, however the answer ended; `undefined` for none. */
async function read(url: string): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  try {
    const answer = await fetch(url);
    if (answer.status !== 200 || answer.body === null) return undefined;
    for await (const chunk of answer.body) chunks.push(chunk);
  } catch {
    await immediate(); // it was killed
  }
  return chunks.length === 0 ? undefined : Buffer.concat(chunks);
}

function faultsOf(text: string): string[] {
  try {
    const { proof } = parseManifest(text, 'the host');
    return proof.passed ? [] : ['a manifest without a proof'];
  } catch (error) {
    return text.endsWith('}\n') ? [`a manifest that is none: ${error}`] : []; // else it broke off
  }
}

/** Kills a cycle, if there is one and it has not just ended. */
function kill(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

async function manifestIn(store: string): Promise<boolean> {
  return await readFile(join(store, 'manifest.json')).then(
    () => true,
    () => false,
  );
}
