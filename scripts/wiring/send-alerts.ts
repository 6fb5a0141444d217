import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { codeOf, explain } from '../base/errors.ts';
import { ALERTS_MS } from '../base/limits/alerts.ts';
import { type Log, streamLog } from '../base/log.ts';
import type { AlertContext } from '../notify/alerts/alerts.ts';
import { reportOnError } from '../notify/cycle-failures.ts';
import type { RunReport } from '../notify/run-report.ts';
import type { AlertSettings } from '../notify/settings.ts';
import { alertSettings } from '../settings/alerts.ts';
import { yesOrNo } from '../settings/boolean.ts';
import { type Given, SettingError, textOf } from '../settings/read.ts';

/** A run that alerts are about. */
export interface AlertedRun {
  /** Command whose runs are counted. */
  readonly command: 'sync' | 'watch' | 'notify';
  readonly log: Pick<Log, 'info' | 'warn'>;
  /** Name of the run; a run that tells twice counts once. */
  readonly name?: string;
  readonly url?: string;
  readonly results?: AlertContext['results'];
  readonly earlier?: AlertContext['earlier'];
  readonly undecided?: readonly string[];
}

/**
 * Tells the addresses of `--alert` what became of a run, and remembers what was told. Takes `ALERTS_MS` at most. Never throws:
 * what could not be told is a warning, and is told by the next run. Returns true if something may still hang: a name that is
 * being looked up cannot be given up.
 */
export async function sendAlerts(
  report: RunReport | undefined,
  settings: AlertSettings | undefined,
  about: AlertedRun,
): Promise<boolean> {
  if (settings === undefined) return false;
  const signal = AbortSignal.timeout(ALERTS_MS);
  const { command, log, name = randomUUID(), url: runUrl } = about;
  try {
    const { tellAlerts } = await import('../notify/alerts/alerts.ts');
    const { NOTHING_TOLD, readMemory, writeMemory } = await import('../notify/alerts/memory.ts');
    const { addresses, patience, mirror, url, memory: path, proxies } = settings;
    const now = () => new Date();
    const memory = path === undefined ? NOTHING_TOLD : await readMemory(path, now());
    const told = await tellAlerts(report, memory, {
      addresses,
      patience,
      command,
      sender: { mirror, url, machine: hostname(), runUrl },
      run: name,
      results: about.results ?? {},
      earlier: about.earlier,
      undecided: about.undecided ?? [],
      tellsPublications: command === 'sync',
      sending: { proxies, signal, now },
    });
    for (const warning of told.warnings) log.warn(warning);
    if (told.taken > 0) log.info(`alerts: ${told.taken} told`);
    if (path !== undefined) await writeMemory(path, told.memory);
  } catch (error) {
    log.warn(`the alerts and their memory: ${explain(error)}`);
  }
  return signal.aborted;
}

/** Ends a command that has nothing left to do, with the exit code that it has by then, although something hangs. */
export function leaveSoon(): void {
  setTimeout(() => process.exit(), LEAVE_MS).unref();
}

/** Milliseconds for the last lines to be written. */
const LEAVE_MS = 500;

/**
 * Runs a part of a command, and tells the error that ends it. A dry run tells nobody, and neither does a wrong setting that
 * somebody types at a terminal. Throws what `run` throws.
 */
export async function alerted<T>(
  given: Given,
  command: AlertedRun['command'],
  run: () => T | Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const isDry = yesOrNo(textOf('dry-run', given)) === true;
    const isTyped = error instanceof SettingError && process.stderr.isTTY === true;
    if (!isDry && !isTyped && (await tellError(error, given, command))) leaveSoon();
    throw error;
  }
}

async function tellError(error: unknown, given: Given, command: AlertedRun['command']): Promise<boolean> {
  let settings: AlertSettings | undefined;
  try {
    settings = alertSettings(given);
  } catch {
    return false; // the error itself says so
  }
  const failure = { code: codeOf(error) ?? 'unexpected', what: explain(error) };
  const report = reportOnError(failure, { log: [], at: new Date() });
  return await sendAlerts(report, settings, { command, log: streamLog(process.stderr) });
}

/**
 * Tells that a run died before it could say why, such as a child that was killed. `what` says in one sentence what is known.
 * Never throws.
 */
export async function alertOfDeath(
  what: string,
  { given, log }: { readonly given: Given; readonly log: AlertedRun['log'] },
): Promise<void> {
  try {
    const report = reportOnError({ code: 'run/ended', what }, { log: [], at: new Date() });
    await sendAlerts(report, alertSettings(given), { command: 'sync', log });
  } catch (error) {
    log.warn(explain(error));
  }
}
