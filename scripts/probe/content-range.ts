import { quoted } from './finding.ts';
import type { Answer } from './http-client.ts';

/** Position of a part within a file. */
export interface Part {
  readonly from: number;
  readonly to: number;
  readonly size: number;
}

/** Parses `bytes 0-511/70000`; `undefined` if it is not that, or cannot be. */
export function partOf(answer: Answer): Part | undefined {
  const numbers = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(answer.header('content-range') ?? '');
  if (numbers === null) return undefined;
  const [from, to, size] = [Number(numbers[1]), Number(numbers[2]), Number(numbers[3])];
  return from <= to && to < size ? { from, to, size } : undefined;
}

/** Describes what is wrong with a 206 that should hold these bytes of a file; `undefined` if it is right. */
export function wrongPart(answer: Answer, wanted: Part): string | undefined {
  const part = partOf(answer);
  const length = wanted.to - wanted.from + 1;
  if (part === undefined || part.from !== wanted.from || part.to !== wanted.to || part.size !== wanted.size) {
    return `it says ${quoted(answer.header('content-range'))} for bytes ${wanted.from} to ${wanted.to} of ${wanted.size}`;
  }
  const declared = answer.header('content-length');
  if (declared !== undefined && Number(declared) !== length)
    return `its Content-Length is ${quoted(declared)}, not ${length}`;
  if (answer.body.length !== length || answer.ended === 'left') {
    return `${answer.ended === 'left' ? 'more than ' : ''}${answer.body.length} bytes come, not ${length}`;
  }
  return undefined;
}

/** Size of the file in bytes, if the answer has it. */
export function sizeOf(answer: Answer): number | undefined {
  if (answer.status === 206) return partOf(answer)?.size;
  const length = answer.header('content-length');
  return answer.status === 200 && length !== undefined && /^\d{1,15}$/.test(length)
    ? Number(length)
    : undefined;
}
