import type { Line } from '../base/log.ts';
import type { DoctorReport } from './doctor.ts';
import { type Finding, isBad } from './finding.ts';

/** Marks: words for terminals without signs or colours, else signs. */
const MARKS = {
  plain: { good: 'good   ', bad: 'FAULT  ', skipped: 'skipped' },
  signs: { good: '✓', bad: '✗', skipped: '–' },
} as const;
const COLOURS = { good: 'green', bad: 'red', skipped: 'yellow' } as const;

/** Writes the report for people: a line for each check, its advice below. */
export function doctorTable({ findings }: DoctorReport, marks: keyof typeof MARKS): Line[] {
  const width = Math.max(0, ...findings.map(({ check }) => check.length));
  const faults = findings.filter(isBad).length;
  return [
    ...findings.flatMap((finding) => row(finding, width, MARKS[marks], marks === 'plain' ? '->' : '→')),
    '',
    faults === 0
      ? 'Fit to sync: clamav-mirror sync, with the same options'
      : `${faults} ${faults === 1 ? 'fault' : 'faults'}: correct what is marked, then run this again`,
  ];
}

function row(
  finding: Finding,
  width: number,
  marks: Readonly<Record<keyof typeof COLOURS, string>>,
  arrow: string,
): Line[] {
  const kind = kindOf(finding);
  const mark = marks[kind];
  const indent = ' '.repeat(mark.length + width + 3);
  const advice =
    'advice' in finding && finding.advice !== undefined ? [`${indent}${arrow} ${finding.advice}`] : [];
  return [
    { mark, colour: COLOURS[kind], text: ` ${finding.check.padEnd(width)}  ${finding.found}` },
    ...advice,
  ];
}

export function kindOf(finding: Finding): keyof typeof COLOURS {
  return 'skipped' in finding ? 'skipped' : finding.ok ? 'good' : 'bad';
}
