import { MirrorError } from '../base/errors.ts';

/** Why the real parts that the demo and the tests run with cannot be had. */
export type SetupErrorCode =
  | 'setup/not-debian'
  | 'setup/no-root'
  | 'setup/apt-failed'
  | 'setup/declined'
  | 'setup/clamav-broken'
  | 'setup/official-unavailable';

export class SetupError extends MirrorError<SetupErrorCode> {}
