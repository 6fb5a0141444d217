import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { requireWorkFolder } from '../cycle/workspace.ts';
import { takeLock } from '../files/lock.ts';
import { FOR_EVERYBODY, makeSafeFolder } from '../files/private-folder.ts';
import { type Host, startHost } from '../host/host.ts';
import { foreignGuard } from '../mirror/foreign/serve-guard.ts';
import { openStore } from '../store/open.ts';
import { isS3Address } from '../store/s3/address.ts';
import type { Store } from '../store/store.ts';
import { startAdmin } from './answers/admin.ts';
import { controlAnswers, healthAnswers } from './answers/answers.ts';
import { startControl } from './answers/control.ts';
import { pushAnswers } from './answers/push.ts';
import { REAL_CLOCK } from './cycles/clock.ts';
import { type CycleProcess, runCycleProcess } from './cycles/cycle-process.ts';
import { Cycles } from './cycles/cycles.ts';
import { DaemonError } from './error.ts';
import type { DaemonEvent } from './journal.ts';
import { Outlook } from './outlook/outlook.ts';
import { coolDownEnd } from './outlook/served.ts';
import type { RunSettings } from './settings.ts';

export interface DaemonDeps {
  /** Program that runs one cycle. */
  readonly cycle: CycleProcess['command'];
  readonly tell: (event: DaemonEvent) => void;
  /** Calls back whenever somebody asks for a cycle by a signal. */
  readonly onAsked: (ask: () => void) => Disposable;
}

/**
 * Serves a mirror and keeps it up to date until `signal` is aborted. Cycles run in processes of their own, one at a time.
 * Throws what keeps it from starting: `DaemonError`, `HostError`, `setting/unsafe-folder`.
 */
export async function runDaemon(settings: RunSettings, deps: DaemonDeps, signal: AbortSignal): Promise<void> {
  const { work, socket } = settings;
  const { tell } = deps;
  using _lock = await takeRunLock(settings);
  const store = await openStore(settings.store, settings.s3);
  const requests = new Map<number, number>();
  await using host = isS3Address(store.where) ? undefined : await serve(store, settings, requests, tell);

  const outlook: Outlook = new Outlook({
    ...{ store, work, signal, clock: REAL_CLOCK, maxAge: settings.maxAge },
    isUnderWay: () => cycles.facts.runningSince !== undefined,
    onChange: (readiness) => tell({ event: 'readiness', ...readiness }),
  });
  const cycles: Cycles = cyclesOf(settings, deps, { store, outlook });
  const asked = { started: new Date(), cycles, outlook, requests };
  const ask = (by: 'SIGHUP' | 'socket' | 'push') => {
    const cycle = cycles.ask();
    tell({ event: 'asked', by, cycle });
    return cycle;
  };
  const pushes = pushAnswers({ secret: settings.pushSecret, now: () => new Date(), ask: () => ask('push') });
  await using admin =
    settings.admin && (await startAdmin(settings.admin, { ...healthAnswers(asked), ...pushes }));
  const answers = controlAnswers(asked, () => ask('socket'));
  await using _control = socket === undefined ? undefined : await startControl(socket, answers);
  using _signals = deps.onAsked(() => void ask('SIGHUP'));
  const told = { url: host?.url ?? null, admin: admin?.url ?? null, socket: socket ?? null };
  tell({ event: 'start', store: store.where, ...told });
  void outlook.look();

  const stop = () => {
    tell({ event: 'stop' });
    void host?.close(); // transfers end while the cycle ends
  };
  signal.addEventListener('abort', stop, { once: true });
  await cycles.run(signal);
  await host?.close();
  tell({ event: 'end' });
}

/** The lock that a mirror's process holds for its life. Each cycle takes the work folder besides, as any run does. */
async function takeRunLock({ work, store }: RunSettings): Promise<Disposable> {
  await requireWorkFolder(work);
  try {
    return await takeLock(join(work, 'daemon.lock'), `the mirror in ${store}`);
  } catch (cause) {
    if (codeOf(cause) !== 'file/busy') throw cause;
    throw new DaemonError('daemon/running', `another process already keeps the mirror in ${store}`, {
      advice: 'Stop that one first, or choose another --store and --work',
    });
  }
}

async function serve(
  store: Store,
  { listen }: RunSettings,
  requests: Map<number, number>,
  tell: DaemonDeps['tell'],
): Promise<Host> {
  const what = `the store ${store.where}`;
  await makeSafeFolder(store.where, what, { mode: FOR_EVERYBODY, forEverybody: true });
  return await startHost({
    folder: store.where,
    ...listen,
    hides: foreignGuard(store),
    onRequest: (line) => {
      requests.set(line.status, (requests.get(line.status) ?? 0) + 1);
      tell({ event: 'request', ...line });
    },
  });
}

function cyclesOf(
  { work, every, cycleEnvironment: environment }: RunSettings,
  { cycle: command, tell }: DaemonDeps,
  { store, outlook }: { readonly store: Store; readonly outlook: Outlook },
): Cycles {
  const cycles: Cycles = new Cycles({
    ...{ every, clock: REAL_CLOCK, random: Math.random },
    run: async (signal) => {
      const cycle = cycles.facts.begun;
      const onLine = (line: string) => tell({ event: 'cycle-line', cycle, line });
      return await runCycleProcess({ command, environment, onLine }, signal);
    },
    coolDownUntil: async () => await coolDownEnd(work, new Date()),
    isPublished: async () => await hasManifest(store),
    onStart: ({ begun }) => tell({ event: 'cycle-start', cycle: begun }),
    onEnd: (end, { begun, next }) => {
      tell({ event: 'cycle-end', cycle: begun, ...end, next: (next ?? new Date()).toISOString() });
      outlook.forget();
      void outlook.look();
    },
  });
  return cycles;
}

/** True also if that cannot be read: a store that is away for a moment has something. */
async function hasManifest(store: Store): Promise<boolean> {
  return await store.readManifest().then(
    (found) => found !== undefined,
    () => true,
  );
}
