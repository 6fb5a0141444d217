import type { Line } from '../base/log.ts';
import { bytes, counted } from '../base/words.ts';
import type { Finding } from './finding.ts';
import type { ProbeReport } from './probe.ts';

const COLOURS = { good: 'green', warning: 'yellow', fault: 'red' } as const;
const RANK = { fault: 0, warning: 1, good: 2 } as const;

/** Writes the report for people: by subject, the worst findings first, each with its advice below. */
export function tableOf(report: ProbeReport): Line[] {
  const subjects = [...new Set(report.findings.map(({ subject }) => subject))];
  const width = Math.max(0, ...report.findings.map(({ check }) => check.length));
  const count = (verdict: Finding['verdict'], noun: string) => {
    const found = report.findings.filter((finding) => finding.verdict === verdict).length;
    return counted(found, noun);
  };
  const lines = subjects.flatMap((subject): Line[] => {
    const version = report.databases[subject];
    const found = report.findings.filter((finding) => finding.subject === subject);
    return [
      version === undefined ? subject : `${subject} ${version}`,
      ...found.sort((a, b) => RANK[a.verdict] - RANK[b.verdict]).flatMap((finding) => row(finding, width)),
      '',
    ];
  });
  return [
    ...lines,
    `${report.url}: ${report.verdict === 'good' ? 'fit for clients' : 'NOT fit for clients'}, ` +
      `${count('fault', 'fault')}, ${count('warning', 'warning')} ` +
      `(${counted(report.requests, 'request')}, ${bytes(report.bytes)})`,
  ];
}

function row({ check, verdict, what, advice }: Finding, width: number): Line[] {
  const [mark, colour] = [`  ${verdict.padEnd(8)}`, COLOURS[verdict]];
  const indent = ' '.repeat(width + 13);
  return [
    { mark, colour, text: ` ${check.padEnd(width)}  ${what}` },
    ...(advice === undefined ? [] : [`${indent}→ ${advice}`]),
  ];
}
