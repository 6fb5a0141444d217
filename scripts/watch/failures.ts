import { FAULTS } from '../base/limits/github.ts';
import type { Failure, FailureClass, RunReport } from '../notify/run-report.ts';
import type { Finding } from '../probe/finding.ts';
import { SIGN_AGE } from './signs.ts';

/** Failure classes of a watch: `host` for answers that break clients, `stale` for old databases. */
export type WatchClass = Extract<FailureClass, 'host' | 'stale'>;

/** Checks of the age of a mirror, by the probe and by this room. */
const OF_AGE = [
  'timestamp',
  'freshness',
  'behind upstream',
  'last check',
  'schedule',
  'last successful run',
  SIGN_AGE,
];

export function classOf({ check }: Finding): WatchClass {
  return OF_AGE.includes(check) ? 'stale' : 'host';
}

/**
 * Tells what failed and what is well again. `host` is well without a fault. `stale` needs to be without a warning too, since
 * a day behind is neither failed nor well. `known`: something was found out about the age.
 */
export function verdictsOf(
  findings: readonly Finding[],
  known: boolean,
): Pick<RunReport, 'failures' | 'recovered'> {
  const of = (wanted: WatchClass, ...verdicts: readonly Finding['verdict'][]) =>
    findings.filter((one) => classOf(one) === wanted && verdicts.includes(one.verdict));
  const failures = (['host', 'stale'] as const).flatMap((name) => failureOf(name, of(name, 'fault')));
  const recovered: FailureClass[] = [];
  if (of('host', 'fault').length === 0) recovered.push('host');
  if (known && of('stale', 'fault', 'warning').length === 0) recovered.push('stale');
  return { failures, recovered };
}

function failureOf(name: WatchClass, faults: readonly Finding[]): Failure[] {
  const [first, ...others] = faults;
  if (first === undefined) return [];
  const more = others.length === 0 ? '' : ` And ${others.length} more.`;
  return [
    {
      class: name,
      code: `watch/${name}`,
      what: `${sentence(first)}.${more}`,
      ...(first.advice === undefined ? {} : { advice: first.advice }),
      log: faults
        .slice(0, FAULTS.lines)
        .map((fault) => `${sentence(fault)}${fault.advice === undefined ? '' : ` → ${fault.advice}`}`),
    },
  ];
}

function sentence({ subject, check, what }: Finding): string {
  return `${subject === 'mirror' ? '' : `${subject}, `}${check}: ${what}`.slice(0, FAULTS.characters);
}
