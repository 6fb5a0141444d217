import { MirrorError } from '../base/errors.ts';

/** Reasons why the real parts for the demo and the tests are missing. */
export type SetupErrorCode =
  | 'setup/not-debian'
  | 'setup/no-root'
  | 'setup/apt-failed'
  | 'setup/declined'
  | 'setup/clamav-broken'
  | 'setup/official-unavailable';

export class SetupError extends MirrorError<SetupErrorCode> {}
