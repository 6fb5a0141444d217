import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { encodeHeader } from '../../scripts/cvd/header.ts';
import type { RunReport } from '../../scripts/notify/run-report.ts';
import { checkImages, withoutImages } from '../../scripts/watch/check-images.ts';
import { beginsAnew } from '../../scripts/watch/kept-clients.ts';
import { quickCheck } from '../../scripts/watch/quick-check.ts';
import { checkSettings } from '../../scripts/watch/quick-check-settings.ts';
import { parseWorkflow, type Workflow } from '../support/runner/model.ts';
import { timesOf } from './cron.ts';
import { type Outputs, type PlayedJob, playRun } from './played-run.ts';

const FOLDER = join(import.meta.dirname, '..', '..', '.github', 'workflows');
const DAYS = 31;
const HOUR_MS = 3_600_000;
/** From the start of a run until its cycle has asked upstream. */
const CYCLE_MS = 60_000;
const START = Date.UTC(2026, 11, 1);

/** Bytes of ClamAV's databases at the end of 2026, and of what else is asked of a mirror. */
export const BYTES = {
  databases: { main: 85_000_000, daily: 22_000_000, bytecode: 300_000 },
  /** A CDIFF of daily with its `.sign`. */
  cdiff: 100_000,
  manifest: 40_000,
  /** On its way at most when the probe hangs up on an answer, which it does three times for each database. */
  hungUp: 3 * 256_000,
} as const;

/** Seconds of what jobs do on a runner with two cores, rounded up. */
export const SECONDS = {
  /** Setting the job up, checking out, ending it. */
  job: 10,
  node: 5,
  install: 20,
  /** Pulling one image. */
  image: 25,
  look: 3,
  /** A cycle that finds nothing new, with its cache. */
  confirm: 15,
  /** The proof of one new version by one engine, beside another. */
  proof: 90,
  /** All that publishes a new version: rebuild, upload, read back. */
  publish: 40,
  /** Probe and age of a mirror, with the cache of the clients. */
  watch: 15,
  /** One scan, or one test of new databases by freshclam, each of which loads all of them. */
  load: 18,
  notify: 5,
} as const;

export interface Month {
  /** Jobs that ran, by name. */
  readonly jobs: Readonly<Record<string, number>>;
  /** Billed minutes: each job is rounded up. */
  readonly minutes: number;
  /** Bytes that the host of the mirror sends. */
  readonly bytes: number;
  /** Longest time between two moves of `timestamp`, in hours. */
  readonly longestHours: number;
}

export interface Plan {
  readonly mirror?: string;
  readonly watchdog?: string;
  /** True if upstream publishes a new daily on each day. */
  readonly news: boolean;
}

/** A workflow of ours, with another schedule if one is given. */
export function workflowOf(name: string, cron?: string): { workflow: Workflow; cron: string } {
  const source = readFileSync(join(FOLDER, name), 'utf8');
  const [first] = parse(source).on.schedule as readonly { cron: string }[];
  return { workflow: parseWorkflow(source), cron: cron ?? first?.cron ?? '' };
}

const VARS = {
  CLAMAV_MIRROR_STORE: 's3://bucket/clamav',
  CLAMAV_MIRROR_PUBLIC_URL: 'https://clamav.example',
};
/** Upstream's version of daily: a new one at a quarter to nine each day. */
const dailyAt = (time: number, news: boolean) =>
  28_000 + (news ? Math.floor((time - START + 15.25 * HOUR_MS) / (24 * HOUR_MS)) : 0);

/**
 * Plays a month of mirror.yml: the runs of its schedule, what the quick check itself says in each, and the jobs whose
 * conditions hold then.
 */
export async function monthOfMirror({ mirror, news }: Plan): Promise<Month> {
  const { workflow, cron } = workflowOf('mirror.yml', mirror);
  const play = player(workflow);
  const ran = new Ledger();
  // the last cycle was so long ago that the first run is due
  let published = { daily: dailyAt(START, news), at: START - 6 * HOUR_MS };
  let longest = 0;
  let bytes = 0;
  for (const time of timesOf(cron, START, DAYS)) {
    const daily = dailyAt(time, news);
    const check = await checkAt(time, published, daily);
    bytes += BYTES.manifest;
    const isNew = daily !== published.daily;
    const played = play({
      check: { check },
      mirror: { mirror: { report: JSON.stringify(GOOD), outcome: isNew ? 'published' : 'unchanged' } },
    });
    ran.add(played, ({ id }) =>
      id === 'mirror' ? cycleSeconds(played, isNew) : id === 'check' ? SECONDS.look : SECONDS.notify,
    );
    if (!played.some(({ id }) => id === 'mirror')) continue;
    if (published.at > START) longest = Math.max(longest, time + CYCLE_MS - published.at);
    published = { daily, at: time + CYCLE_MS };
    // read back: the manifest, every byte that changed
    if (isNew) bytes += BYTES.manifest + BYTES.databases.daily + BYTES.cdiff;
  }
  return { ...ran.total(), bytes, longestHours: longest / HOUR_MS };
}

/** Plays a month of watchdog.yml, with what the clients of each watch download. */
export function monthOfWatchdog({ watchdog, news }: Plan): Omit<Month, 'longestHours'> {
  const { workflow, cron } = workflowOf('watchdog.yml', watchdog);
  const play = player(workflow);
  const ran = new Ledger();
  const clients = [0, 1].map((at) => ({
    turn: { at, of: 2 },
    since: firstSince(at),
    daily: dailyAt(START, news),
  }));
  let bytes = 0;
  for (const time of timesOf(cron, START, DAYS)) {
    const now = new Date(time);
    const daily = dailyAt(time, news);
    let loads = 0;
    bytes += BYTES.manifest;
    for (const size of Object.values(BYTES.databases)) bytes += Math.min(size, BYTES.hungUp);
    for (const client of clients) {
      const isFresh = beginsAnew(client.since, client.turn, now);
      if (isFresh) {
        client.since = now.toISOString();
        bytes += Object.values(BYTES.databases).reduce((sum, size) => sum + size, 0);
      } else bytes += (daily - client.daily) * BYTES.cdiff;
      loads += isFresh || daily !== client.daily ? 2 : 1;
      client.daily = daily;
    }
    const played = play({ watch: { watch: { report: JSON.stringify(GOOD), notify: 'false' } } });
    ran.add(played, ({ id, engines }) =>
      id === 'watch' ? SECONDS.watch + loads * SECONDS.load + engines.length * SECONDS.image : SECONDS.notify,
    );
  }
  return { ...ran.total(), bytes };
}

/** Plays runs of a workflow; those with the same outputs are alike. */
function player(workflow: Workflow): (outputs: Outputs) => readonly PlayedJob[] {
  const known = new Map<string, readonly PlayedJob[]>();
  return (outputs) => {
    const key = JSON.stringify(outputs);
    const played = known.get(key) ?? playRun(workflow, { vars: VARS, inputs: {} }, outputs);
    known.set(key, played);
    return played;
  };
}

/** Both clients have run before this month: the one whose turn it is not did so yesterday. */
function firstSince(at: number): string {
  return new Date(START - (at + 1) * 24 * HOUR_MS).toISOString();
}

const GOOD: RunReport = {
  failures: [],
  recovered: ['upstream', 'proof', 'publication'],
  serving: null,
  upstream: {},
  at: new Date(START).toISOString(),
};

function cycleSeconds(played: readonly PlayedJob[], isNew: boolean): number {
  const { images = [], engines = [] } = played.find(({ id }) => id === 'mirror') ?? {};
  if (!isNew) return SECONDS.confirm;
  const count = images.length + engines.length;
  return SECONDS.publish + count * SECONDS.proof + engines.length * SECONDS.image;
}

/** The quick check as it is at a time, with a mirror and an upstream that answer it. */
async function checkAt(
  time: number,
  published: { readonly daily: number; readonly at: number },
  daily: number,
): Promise<Readonly<Record<string, string>>> {
  const at = new Date(published.at).toISOString();
  const records = { daily: published.daily };
  const databases = Object.fromEntries(
    Object.entries(records).map(([name, version]) => [name, { version, checked: at, seen: { at, version } }]),
  );
  const upstream: Readonly<Record<string, number>> = { ...records, daily };
  const answer = (url: string): string | Uint8Array<ArrayBuffer> => {
    if (url.endsWith('/manifest.json')) return JSON.stringify({ format: 1, checked: at, databases });
    if (url.includes('/issues?')) return '[]';
    if (url.startsWith('https://registry')) return ''; // the pinned images are there
    const version = upstream[/(\w+)\.cvd$/.exec(url)?.[1] ?? ''];
    if (version === undefined) throw new Error(`nobody answers ${url}`);
    return new Uint8Array(headerOf(version));
  };
  const real = globalThis.fetch;
  globalThis.fetch = async (url) => new Response(answer(String(url)));
  try {
    const environment = {
      ...VARS,
      CLAMAV_MIRROR_DATABASES: 'daily', // the others add requests, and no news
      CLAMAV_MIRROR_DNS: 'off',
      GITHUB_EVENT_NAME: 'schedule',
      GITHUB_REPOSITORY: 'acme/mirror',
      CLAMAV_MIRROR_GITHUB_TOKEN: 'token',
    };
    const settings = checkSettings(environment);
    const { needed, proof, issue } = await quickCheck(settings, new Date(time));
    const images = proof ? await checkImages(settings, new Date(time)) : withoutImages(new Date(time));
    return {
      needed: String(needed),
      proof: String(proof),
      issue: String(issue),
      ...(needed && images.outputs),
    };
  } finally {
    globalThis.fetch = real;
  }
}

function headerOf(version: number): Uint8Array {
  return encodeHeader({
    time: '01 Dec 2026 08-45 +0000',
    version,
    signatures: 1,
    fLevel: 90,
    md5: '0'.repeat(32),
    dsig: 'A'.repeat(350),
    builder: 'raynman',
    stime: 1_796_114_700,
  });
}

/** Adds up jobs and their minutes. */
class Ledger {
  readonly #jobs: Record<string, number> = {};
  #minutes = 0;

  /** `work`: seconds of what a job does beside what every job of its kind does. */
  add(played: readonly PlayedJob[], work: (job: PlayedJob) => number): void {
    for (const job of played) {
      this.#jobs[job.id] = (this.#jobs[job.id] ?? 0) + 1;
      const seconds =
        SECONDS.job +
        (job.usesNode ? SECONDS.node : 0) +
        (job.installs ? SECONDS.install : 0) +
        job.images.length * SECONDS.image +
        work(job);
      this.#minutes += Math.ceil(seconds / 60);
    }
  }

  total(): Pick<Month, 'jobs' | 'minutes'> {
    return { jobs: this.#jobs, minutes: this.#minutes };
  }
}
