import { MirrorError } from '../../base/errors.ts';

/** Error about a folder that somebody gave a mirror to begin with. Nothing was asked of upstream then. */
export class AdoptError extends MirrorError<
  /** It cannot be read. */
  | 'adopt/folder'
  /** It holds more than a folder of databases can hold. */
  | 'adopt/too-many'
  /** Nothing in it can be proven. */
  | 'adopt/nothing'
> {}
