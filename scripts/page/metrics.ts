import { printable } from '../base/printable.ts';
import type { Status } from './status.ts';

/** Start of metrics of ours. */
export const METRICS_MARK = '# HELP clamav_mirror_';

type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

/**
 * Writes metrics that Prometheus reads from a file that stands still: every age is a timestamp, so that it grows while
 * nobody writes the file. It is valid both as OpenMetrics and in Prometheus' own older form.
 */
export function metrics(status: Status): string {
  return metricsText(metricsOf(status));
}

/** The text of metrics. */
export function metricsText(lines: readonly string[]): string {
  return `${lines.join('\n')}\n# EOF\n`;
}

/** Metrics of a mirror, line by line. */
export function metricsOf(status: Status): string[] {
  const { written, checked, published, lastTried, proof, files, extras, coolDown, databases } = status;
  const each = (value: (database: Status['databases'][string]) => number | null): Sample[] =>
    Object.entries(databases).flatMap(([database, one]) => {
      const found = value(one);
      return found === null ? [] : [[{ database }, found] as const];
    });
  const lines = [
    gauge('info', 'The program that wrote this.', [[{ version: status.generator.replace(/^.*\//, '') }, 1]]),
    gauge('written_timestamp_seconds', 'Time at which this was written.', one(seconds(written))),
    gauge(
      'checked_timestamp_seconds',
      'Time at which everything served was last known to be the newest of upstream.',
      one(seconds(checked)),
    ),
    gauge('published_timestamp_seconds', 'Time of the last change of files.', one(seconds(published))),
    gauge('verdict', 'State of the mirror when this was written.', [[{ verdict: status.verdict }, 1]]),
    gauge(
      'database_version',
      'Served version.',
      each(({ version }) => version),
    ),
    gauge(
      'database_built_timestamp_seconds',
      'Time at which Talos built it.',
      each(({ built }) => seconds(built)),
    ),
    gauge(
      'database_checked_timestamp_seconds',
      'Time at which it was last known to be the newest of upstream.',
      each(({ checked: at, left }) => (left === null ? seconds(at) : null)),
    ),
    gauge(
      'database_signatures',
      'Signatures in it.',
      each(({ signatures }) => signatures),
    ),
    gauge(
      'database_size_bytes',
      'Size of its CVD.',
      each(({ size }) => size),
    ),
    gauge(
      'database_upstream_version',
      'Version in the header of upstream that was read last.',
      each(({ upstream }) => upstream?.version ?? null),
    ),
    gauge(
      'database_pinned',
      '1 if a rollback holds it at a version.',
      each(({ pinned }) => (pinned === null ? 0 : 1)),
    ),
    gauge(
      'database_quarantined',
      '1 if an update of it was refused and is not tried again yet.',
      each(({ quarantined }) => (quarantined === null ? 0 : 1)),
    ),
    gauge('extras', 'Published files beside those of Talos.', one(Object.keys(extras.files).length)),
    gauge('extras_failing', 'Extras that the last cycle could not bring.', one(extras.failing.length)),
    gauge('allowed', 'Entries of the allow list.', one(extras.allowed.length)),
    gauge(
      'extra_published_timestamp_seconds',
      'Time since when the bytes of an extra are published.',
      Object.entries(extras.files).map(([extra, { published: at }]) => [{ extra }, seconds(at)]),
    ),
    gauge('files', 'Published files.', one(files.count)),
    gauge('files_size_bytes', 'Size of all published files.', one(files.bytes)),
    gauge('proof_timestamp_seconds', 'Start of the proof of what is served.', one(seconds(proof.started))),
    gauge('proof_duration_seconds', 'Time that it took.', one(proof.duration)),
    gauge(
      'proof_scenarios',
      'Scenarios of it by their result.',
      Object.entries(proof.scenarios).map(([result, count]) => [{ result }, count]),
    ),
    gauge(
      'proof_engine',
      'An engine that proved what is served; the value is its f-level.',
      proof.engines.map(({ name, version, fLevel }) => [{ engine: name, version }, fLevel ?? 0]),
    ),
    gauge(
      'upstream_cool_down_end_timestamp_seconds',
      'Time until which upstream is not asked; absent if it may be asked.',
      coolDown === null ? [] : one(seconds(coolDown.until)),
    ),
    ...(lastTried === null
      ? []
      : [
          gauge('cycle_timestamp_seconds', 'Start of the last cycle.', one(seconds(lastTried.at))),
          gauge('cycle_duration_seconds', 'Time that it took.', one(lastTried.seconds)),
          gauge('cycle_upstream_bytes', 'Bytes that it took from upstream.', one(lastTried.upstreamBytes)),
          gauge(
            'cycle_outcome',
            '1 for the outcome of the last cycle.',
            OUTCOMES.map((outcome) => [{ outcome }, outcome === lastTried.outcome ? 1 : 0]),
          ),
          gauge(
            'cycle_problem',
            'Error codes of the last cycle.',
            unique(lastTried.problems.map(({ database = '', code }) => ({ database, code }))),
          ),
        ]),
  ];
  return lines.flat();
}

const OUTCOMES = ['published', 'unchanged', 'refused', 'failed'] as const;

export function gauge(name: string, help: string, samples: readonly Sample[]): string[] {
  return family('gauge', name, help, samples);
}

/** A number that only grows. In this form, which is Prometheus' own, its name ends with `_total`. */
export function counter(name: `${string}_total`, help: string, samples: readonly Sample[]): string[] {
  return family('counter', name, help, samples);
}

function family(kind: string, name: string, help: string, samples: readonly Sample[]): string[] {
  if (samples.length === 0) return [];
  const full = `clamav_mirror_${name}`;
  return [
    `# HELP ${full} ${help}`,
    `# TYPE ${full} ${kind}`,
    ...samples.map(([labels, value]) => `${full}${labelled(labels)} ${value}`),
  ];
}

function labelled(labels: Labels): string {
  const all = Object.entries(labels).map(([name, value]) => `${name}="${quoted(value)}"`);
  return all.length === 0 ? '' : `{${all.join(',')}}`;
}

/** Value of a label, in which three characters are escaped. */
function quoted(value: string): string {
  return printable(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"');
}

export function one(value: number): readonly Sample[] {
  return [[{}, value]];
}

function unique(all: readonly Labels[]): Sample[] {
  const known = new Map(all.map((labels) => [JSON.stringify(labels), labels]));
  return [...known.values()].map((labels) => [labels, 1]);
}

/** Whole seconds since 1970. */
export function seconds(time: string | Date): number {
  return Math.floor(new Date(time).getTime() / 1000);
}
