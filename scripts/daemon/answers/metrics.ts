import { counter, gauge, metricsOf, metricsText, one, type Sample, seconds } from '../../page/metrics.ts';
import type { Status } from '../../page/status.ts';
import type { CyclesFacts } from '../cycles/cycles.ts';
import type { Readiness } from '../outlook/readiness.ts';

export interface OwnFacts {
  readonly started: Date;
  readonly cycles: CyclesFacts;
  readonly readiness: Readiness;
  /** Answered requests of clients by HTTP status. */
  readonly requests: ReadonlyMap<number, number>;
}

/** Metrics of the mirror, and of the process that keeps it, in Prometheus' own form. */
export function daemonMetrics(status: Status | undefined, own: OwnFacts): string {
  return metricsText([...(status === undefined ? [] : metricsOf(status)), ...ownLines(own)]);
}

function ownLines({ started, cycles, readiness, requests }: OwnFacts): string[] {
  const { last, runningSince, next, byOutcome } = cycles;
  const when = (time: Date | undefined): readonly Sample[] => (time === undefined ? [] : one(seconds(time)));
  const lastExit: readonly Sample[] =
    last === undefined
      ? []
      : [[{ signal: last.signal ?? '', outcome: last.outcome }, last.exitCode ?? NO_EXIT_CODE]];
  return [
    gauge('run_start_timestamp_seconds', 'Time at which this process began.', one(seconds(started))),
    gauge('run_ready', '1 if it serves a proven set that is not too old.', one(readiness.ready ? 1 : 0)),
    counter(
      'run_cycles_total',
      'Cycles of this process by their outcome.',
      Object.entries(byOutcome).map(([outcome, count]) => [{ outcome }, count]),
    ),
    gauge('run_last_cycle_end_timestamp_seconds', 'Time at which its last cycle ended.', when(last?.ended)),
    gauge(
      'run_last_cycle_exit_code',
      'Exit code of its last cycle; -1 if a signal ended it, or it could not be started.',
      lastExit,
    ),
    gauge(
      'run_cycle_running_since_timestamp_seconds',
      'Time at which the cycle began that is under way.',
      when(runningSince),
    ),
    gauge('run_next_cycle_timestamp_seconds', 'Time at which the next cycle is due.', when(next)),
    counter(
      'run_requests_total',
      'Answered requests of clients by HTTP status.',
      [...requests].map(([code, count]) => [{ status: String(code) }, count]),
    ),
  ].flat();
}

const NO_EXIT_CODE = -1;
