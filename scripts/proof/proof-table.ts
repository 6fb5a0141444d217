import { logLine } from '../base/printable.ts';
import { moment, took } from '../base/words.ts';
import type { Proof } from './record.ts';

/**
 * Formats the record for people: each engine with its scenarios, their results and durations, and the evidence. Words
 * of upstream and of tools are made printable.
 */
export function proofTable(proof: Proof): string {
  const databases = Object.entries(proof.databases).map(([name, version]) => `${name} ${version}`);
  const { accepted } = proof;
  return [
    `${proof.passed ? 'Proven' : 'NOT proven'} together: ${databases.join(', ')}`,
    `${moment(proof.started)}, ${took(proof.duration)}`,
    ...(accepted === undefined
      ? []
      : [`Accepted because: ${accepted.reason}`, ...accepted.findings.map(indent)]),
    ...proof.engines.flatMap(({ name, version, fLevel, image }) => [
      '',
      `${name}: ClamAV ${version}, f-level ${fLevel ?? 'unknown'}${image === undefined ? '' : `, ${image}`}`,
      ...proof.results
        .filter(({ engine }) => engine === name)
        .flatMap(({ result, scenario, duration, evidence }) => [
          `  ${result.padEnd(7)} ${took(duration).padStart(8)}  ${scenario}`,
          `  ${' '.repeat(18)}${evidence}`,
        ]),
    ]),
    '',
  ]
    .map(logLine)
    .join('\n');
}

function indent(line: string): string {
  return `  ${line}`;
}
