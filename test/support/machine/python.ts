import { describeWith } from '../setup/official.ts';
import { triedPart } from '../setup/real-part.ts';

const trial = ['python3', '-c', 'import http.server, zlib'];

/** Like `describe`, and skipped where there is no python3, whose zlib is the stock one. */
export const describeWithPython = describeWith(
  await triedPart('python', trial, 'python3 with its zlib and http.server'),
);
