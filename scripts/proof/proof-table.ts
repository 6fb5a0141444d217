import { logLine } from '../base/printable.ts';
import { moment, took } from '../base/words.ts';
import type { Proof } from './record.ts';

/**
 * Formats the record for people: each engine with its scenarios, their results and durations, and the evidence. Words
 * of upstream and of tools are made printable.
 */
export function proofTable(proof: Proof): string {
  const databases = Object.entries(proof.databases).map(([name, version]) => `${name} ${version}`);
  const { accepted, memory } = proof;
  return [
    `${proof.passed ? 'Proven' : 'NOT proven'} together: ${databases.join(', ')}`,
    `${moment(proof.started)}, ${took(proof.duration)}`,
    ...(accepted === undefined
      ? []
      : [`Accepted because: ${accepted.reason}`, ...accepted.findings.map(indent)]),
    ...(memory === undefined ? [] : [memoryLine(memory)]),
    ...proof.engines.flatMap(({ name, version, fLevel, image }) => [
      '',
      `${name}: ClamAV ${version}, f-level ${fLevel ?? 'unknown'}${image === undefined ? '' : `, ${image}`}`,
      ...proof.results
        .filter(({ engine }) => engine === name)
        .flatMap(({ result, scenario, began, duration, evidence }) => [
          `  ${result.padEnd(7)} ${took(duration).padStart(8)}  ${scenario}`,
          `  ${' '.repeat(18)}${began === undefined ? '' : `${span(began, duration)}: `}${evidence}`,
        ]),
    ]),
    '',
  ]
    .map(logLine)
    .join('\n');
}

/** Time of a scenario since the start of the proof, which shows what ran beside it: `from 4.0 s to 23 s`. */
function span(began: number, duration: number): string {
  return `from ${took(began)} to ${took(began + duration)}`;
}

function memoryLine({ loaded, usable, oneByOne }: NonNullable<Proof['memory']>): string {
  const size = loaded === undefined ? 'not measured' : `${loaded} MB`;
  const how = oneByOne ? 'loaded one after the other where that was short' : 'enough for all at once';
  return `Memory for a loaded set: ${size}, of ${usable} MB to use: ${how}`;
}

function indent(line: string): string {
  return `  ${line}`;
}
