import { describeWith } from '../setup/official.ts';
import { triedPart } from '../setup/real-part.ts';

/** Like `describe`, and skipped where there is no openssl command. */
export const describeWithOpenssl = describeWith(
  await triedPart('openssl', ['openssl', 'version'], 'the openssl command makes their certificates'),
);
