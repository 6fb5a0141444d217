import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { SILENT as SILENT_LOG } from '../../../scripts/base/log.ts';
import { runCycle } from '../../../scripts/cycle/cycle.ts';
import { State } from '../../../scripts/cycle/memory/state.ts';
import type { CycleReport } from '../../../scripts/cycle/report.ts';
import { type Manifest, parseManifest } from '../../../scripts/mirror/manifest.ts';
import type { Prove } from '../../../scripts/proof/prove.ts';
import { syncSettings } from '../../../scripts/settings/commands/sync.ts';
import { FolderStore } from '../../../scripts/store/folder.ts';
import { testTrust } from '../../support/databases/signing.ts';
import { FaultyStore, type StoreFault } from './faulty-store.ts';
import { BEGIN, FIRST, HOUR, newestAt, type Version } from './talos.ts';
import { FAULTS, type Fault, RETRY_AFTER, SILENT, type Upstream, type Upstreams } from './upstreams.ts';

const DAYS = 30;
/** No refusal, cool-down or pause lasts longer. */
const LONGEST_WAIT_MS = 25 * HOUR;

/** One cycle of a month, and what is wrong with the world until the next one. */
export interface Step {
  /** Part of the month before it. */
  readonly share: number;
  readonly first: Fault;
  readonly second: Fault;
  readonly dns: 'off' | 'right' | 'lags' | 'lies';
  readonly here: 'is well' | StoreFault | 'cannot prove' | 'has lost its work folder';
  /** Writes before the store goes wrong. */
  readonly writes: number;
  /** Hours by which the clock is wrong. */
  readonly clock: number;
  /** Hours after which upstream takes the newest version back, from the next one's time on it is as if it never was. */
  readonly isWithdrawn: boolean;
  /** True if engines refuse the newest version. */
  readonly isPoisoned: boolean;
}

const often = <T>(usual: T, others: readonly T[], weight = 3) =>
  fc.oneof({ arbitrary: fc.constant(usual), weight }, { arbitrary: fc.constantFrom(...others), weight: 2 });

const anyStep: fc.Arbitrary<Step> = fc.record({
  share: fc.integer({ min: 1, max: 20 }),
  first: often<Fault>('is well', FAULTS, 2),
  second: often<Fault>('is well', FAULTS, 4),
  dns: fc.constantFrom('off', 'off', 'right', 'lags', 'lies'),
  here: often<Step['here']>('is well', ['dies', 'is full', 'cannot prove', 'has lost its work folder'], 8),
  writes: fc.nat(12),
  clock: often(0, [-72, -5, 5, 72], 16),
  isWithdrawn: often(false, [true], 12),
  isPoisoned: often(false, [true], 12),
});

/** Thirty days of cycles and faults. */
export const anyMonth = fc.array(anyStep, { minLength: 1, maxLength: 18, size: 'max' });

/** Makes months to play: all share one server and one set of versions. */
export function openMonths(versions: ReadonlyMap<number, Version>, upstreams: Upstreams) {
  const known = new Map<string, string>();
  for (const { number, cvd, cdiff } of versions.values()) {
    known.set(sha256(cvd), `daily.cvd ${number}`);
    known.set(sha256(cdiff), `daily-${number}.cdiff`);
  }
  return async (steps: readonly Step[]) => {
    await using month = await Month.open(known, upstreams);
    let time = BEGIN;
    const all = steps.reduce((sum, { share }) => sum + share, 0);
    for (const step of steps) {
      time += Math.round((step.share / all) * DAYS * 24) * HOUR;
      await month.play(step, time);
    }
    await month.getWell(time + LONGEST_WAIT_MS);
  };
}

class Month implements AsyncDisposable {
  readonly #folder: string;
  readonly #known: ReadonlyMap<string, string>;
  readonly #upstreams: Upstreams;
  readonly #first: Upstream;
  readonly #second: Upstream;
  readonly #checked = new Set<string>();
  readonly #poisoned = new Set<number>();
  readonly #withdrawn = new Set<number>();
  readonly #proven = new Set<number>();
  readonly #leftAlone = new Map<Upstream, number>();
  /** Version that DNS names. */
  #told = 0;
  #served = 0;

  private constructor(folder: string, known: ReadonlyMap<string, string>, upstreams: Upstreams) {
    this.#folder = folder;
    this.#known = known;
    this.#upstreams = upstreams;
    this.#first = upstreams.open();
    this.#second = upstreams.open();
  }

  static async open(known: ReadonlyMap<string, string>, upstreams: Upstreams): Promise<Month> {
    return new Month(await mkdtemp(join(await memoryFolder(), 'month-')), known, upstreams);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const upstream of [this.#first, this.#second]) this.#upstreams.close(upstream);
    this.#upstreams.dns.records.delete(this.#record);
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** One cycle at this time. Throws what is wrong about it. */
  async play(step: Step, time: number): Promise<void> {
    const newest = newestAt(time);
    if (step.isPoisoned && !this.#proven.has(newest)) this.#poisoned.add(newest);
    if (step.isWithdrawn) this.#withdrawn.add(newest);
    for (const [upstream, fault] of [
      [this.#first, step.first],
      [this.#second, step.second],
    ] as const) {
      upstream.fault = fault;
      if (fault !== 'stands still') upstream.version = this.#published(newest);
      upstream.asked.length = 0;
    }
    this.#tellDns(step, newest, time);
    if (step.here === 'has lost its work folder') {
      await rm(this.#work, { recursive: true, force: true });
      this.#leftAlone.clear();
    }
    const before = await this.#look();
    const report = await this.#cycle(step, new Date(time + step.clock * HOUR));
    const after = await this.#look();
    await this.#requireProven(after);
    this.#requireForwards(after);
    await this.#requireFew(step, time, { before, after });
    await this.#requireNewest(step, time, { report, after });
  }

  /** All faults are over: one cycle is enough. */
  async getWell(time: number): Promise<void> {
    const next = newestAt(time);
    for (const number of [next, next - 1]) {
      this.#poisoned.delete(number);
      this.#withdrawn.delete(number);
    }
    await this.play(WELL, time);
    if (this.#served !== next) throw new Error(`it serves ${this.#served} when all is well, and not ${next}`);
  }

  get #work(): string {
    return join(this.#folder, 'work');
  }

  get #store(): string {
    return join(this.#folder, 'mirror');
  }

  get #record(): string {
    return `current.${new URL(this.#first.url).pathname.slice(1)}.test`;
  }

  /** The newest version that upstreams still have. */
  #published(newest: number): number {
    let version = newest;
    while (this.#withdrawn.has(version) && version > FIRST) version--;
    return version;
  }

  #tellDns({ dns }: Step, newest: number, time: number): void {
    const told = { off: 0, right: this.#published(newest), lags: newest - 1, lies: newest + 1000 }[dns];
    this.#told = told;
    const seconds = Math.floor(time / 1000);
    this.#upstreams.dns.records.set(this.#record, `1.5.3:63:${told}:${seconds}:1:90:49192:339`);
  }

  async #cycle(step: Step, now: Date): Promise<CycleReport> {
    const prove: Prove = async ({ staged }) => {
      if (step.here === 'cannot prove') throw new Error('killed');
      const { version = 0 } = staged.get('daily') ?? {};
      const isGood = !this.#poisoned.has(version);
      if (isGood) this.#proven.add(version);
      const result = { engine: 'stand-in', scenario: 'it loads', evidence: '', duration: 0 } as const;
      return {
        ...{ passed: isGood, started: now.toISOString(), duration: 0 },
        databases: { daily: version },
        engines: [{ name: 'stand-in', version: '0', fLevel: 255 }],
        results: [{ ...result, result: isGood ? 'passed' : 'failed' }],
      };
    };
    const { address } = this.#upstreams.dns;
    const dns = step.dns === 'off' ? { dns: 'off' } : { dns: this.#record, nameservers: address };
    const flags = {
      ...{ upstream: `${this.#first.url},${this.#second.url}`, databases: 'daily', ...dns },
      ...{ store: this.#store, work: this.#work, archive: '1', cdiffs: '5' },
    };
    const store =
      step.here === 'dies' || step.here === 'is full'
        ? new FaultyStore(this.#store, step.here, step.writes)
        : new FolderStore(this.#store);
    return await runCycle(syncSettings({ flags, environment: {} }), {
      ...{
        store,
        trust: TRUST,
        log: SILENT_LOG,
        now: () => now,
        upstreamPatience: { pause: 0, attempts: 2 },
      },
      openProver: async () => Object.assign(prove, { basis: 'stand-in' }),
    });
  }

  /** The manifest as clients get it. */
  async #look(): Promise<Manifest | undefined> {
    const text = await readFile(join(this.#store, 'manifest.json'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : parseManifest(text, this.#store);
  }

  /** Every file that clients may get is one that was signed, and each CVD one that was proven. */
  async #requireProven(manifest: Manifest | undefined): Promise<void> {
    for (const folder of ['', 'archive']) {
      for (const name of await readdir(join(this.#store, folder)).catch(() => [])) {
        if (!/\.(cvd|cdiff|sign|cld)$/.test(name)) continue;
        const path = join(this.#store, folder, name);
        const { ino, mtimeMs } = await stat(path);
        if (this.#checked.has(`${name} ${ino} ${mtimeMs}`)) continue;
        this.#checked.add(`${name} ${ino} ${mtimeMs}`);
        const what = this.#known.get(sha256(await readFile(path)));
        const version = Number(what?.replace('daily.cvd ', ''));
        if (what === undefined) throw new Error(`${path} is not genuine`);
        if (name.endsWith('.cvd') ? !this.#proven.has(version) : what !== name)
          throw new Error(`${path} is ${what}, which was not proven`);
      }
    }
    for (const [name, { sha256: hash }] of Object.entries(manifest?.files ?? {})) {
      const bytes = await stat(join(this.#store, name)).catch(() => undefined);
      if (bytes === undefined || !this.#known.has(hash))
        throw new Error(`${name} is not there as it should be`);
    }
  }

  #requireForwards(manifest: Manifest | undefined): void {
    const { version = 0 } = manifest?.databases.daily ?? {};
    if (version < this.#served) throw new Error(`it went back from ${this.#served} to ${version}`);
    this.#served = version;
  }

  /** An upstream that is left alone is asked nothing, one that is well little, and none for anything again and again. */
  async #requireFew(
    step: Step,
    time: number,
    { before, after }: Record<'before' | 'after', Manifest | undefined>,
  ): Promise<void> {
    for (const [upstream, fault] of [
      [this.#first, step.first],
      [this.#second, step.second],
    ] as const) {
      const { asked } = upstream;
      const told = asked.join(', ');
      const end = this.#leftAlone.get(upstream) ?? 0;
      if (step.clock === 0 && time < end && asked.length > 0)
        throw new Error(`${upstream.url} is to be left alone until ${new Date(end).toISOString()}: ${told}`);
      if (step.clock !== 0 && time >= end) this.#leftAlone.delete(upstream);
      if (step.clock === 0 && fault === 'cools down' && asked.length > 0)
        this.#leftAlone.set(upstream, time + RETRY_AFTER * 1000);
      if (fault === 'cools down' && asked.length > 1)
        throw new Error(`once it said no, it was asked for ${told}`);
      const most = Math.max(
        0,
        ...Map.groupBy(asked, (name) => name)
          .values()
          .map(({ length }) => length),
      );
      if (most > MOST_OF_ONE) throw new Error(`${most} times the same of ${told}`);
    }
    if (step.first !== 'is well' || step.here !== 'is well' || step.clock !== 0) return;
    if ((await this.#isLeftAlone(time)) || before === undefined || after === undefined) return;
    const isQuiet = before.databases.daily?.version === this.#first.version;
    if (!isQuiet || before.databases.daily?.missingCdiffs.length !== 0 || this.#told > this.#first.version)
      return;
    if (this.#first.asked.length > 2 || this.#second.asked.length > 0)
      throw new Error(`nothing is new, and it asks for ${this.#first.asked} and ${this.#second.asked}`);
  }

  /** True if any upstream is left alone, be it by a clock that was wrong. */
  async #isLeftAlone(time: number): Promise<boolean> {
    const { coolDowns } = await State.look(this.#work, new Date(time));
    return Object.values(coolDowns).some(({ until }) => Date.parse(until) > time);
  }

  /** Whatever is wrong elsewhere: what one upstream has right is published in the same cycle. */
  async #requireNewest(
    step: Step,
    time: number,
    { report, after }: { report: CycleReport; after: Manifest | undefined },
  ): Promise<void> {
    const { first, second, here, clock } = step;
    const wanted = this.#first.version;
    if (here === 'dies' || here === 'is full' || here === 'cannot prove' || clock !== 0) return;
    const isOver = (upstream: Upstream) => (this.#leftAlone.get(upstream) ?? 0) <= time;
    const byFirst = first === 'is well' && isOver(this.#first);
    const bySecond = SILENT.includes(first) && second === 'is well' && isOver(this.#second);
    if ((!byFirst && !bySecond) || this.#poisoned.has(wanted) || this.#served >= wanted) return;
    const { code } = report.databases.daily ?? {};
    const isHeld = code === 'upstream/doubted' || code === 'verify/held' || code === 'proof/waiting';
    if (isHeld || (await this.#isLeftAlone(time))) return;
    const what = JSON.stringify(report.databases.daily ?? report.error);
    throw new Error(`${wanted} is to be had, and ${after?.databases.daily?.version} is served: ${what}`);
  }
}

const WELL: Step = {
  ...{ share: 1, first: 'is well', second: 'is well', dns: 'right', here: 'is well' },
  ...{ writes: 0, clock: 0, isWithdrawn: false, isPoisoned: false },
};
const TRUST = testTrust();
/** Two attempts, once more past all caches, and as many where the rest of a part is asked for. */
const MOST_OF_ONE = 8;

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A folder in memory, if this machine has one. */
async function memoryFolder(): Promise<string> {
  const folder = join('/dev/shm', 'clamav-mirror-test');
  return await mkdir(folder, { recursive: true }).then(
    () => folder,
    () => tmpdir(),
  );
}
