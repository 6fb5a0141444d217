import { styleText } from 'node:util';
import { bytes } from '../log.ts';
import type { Finding } from './finding.ts';
import type { ProbeReport } from './probe.ts';

const COLOURS = { good: 'green', warning: 'yellow', fault: 'red' } as const;
const RANK = { fault: 0, warning: 1, good: 2 } as const;

/** The report for people: by subject, the worst first, each with its advice below; in colour on a terminal. */
export function tableOf(report: ProbeReport, stream: NodeJS.WriteStream): string {
  const subjects = [...new Set(report.findings.map(({ subject }) => subject))];
  const width = Math.max(0, ...report.findings.map(({ check }) => check.length));
  const count = (verdict: Finding['verdict'], noun: string) => {
    const found = report.findings.filter((finding) => finding.verdict === verdict).length;
    return `${found} ${noun}${found === 1 ? '' : 's'}`;
  };
  const lines = subjects.flatMap((subject) => {
    const version = report.databases[subject];
    const found = report.findings.filter((finding) => finding.subject === subject);
    return [
      version === undefined ? subject : `${subject} ${version}`,
      ...found
        .sort((a, b) => RANK[a.verdict] - RANK[b.verdict])
        .flatMap((finding) => row(finding, width, stream)),
      '',
    ];
  });
  return [
    ...lines,
    `${report.url}: ${report.verdict === 'good' ? 'fit for clients' : 'NOT fit for clients'}, ` +
      `${count('fault', 'fault')}, ${count('warning', 'warning')} ` +
      `(${report.requests} requests, ${bytes(report.bytes)})`,
  ].join('\n');
}

function row({ check, verdict, what, advice }: Finding, width: number, stream: NodeJS.WriteStream): string[] {
  const mark = styleText(COLOURS[verdict], verdict.padEnd(8), { stream });
  const indent = ' '.repeat(width + 13);
  return [
    `  ${mark} ${check.padEnd(width)}  ${printable(what)}`,
    ...(advice === undefined ? [] : [`${indent}→ ${printable(advice)}`]),
  ];
}

/** The mirror's words may hold anything; a terminal must not obey them. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
