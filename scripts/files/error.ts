import { MirrorError } from '../base/errors.ts';

/** Thrown when a file is not what it was a moment ago or should be, or cannot be read or written. */
export class FileError extends MirrorError<
  | 'file/changed'
  | 'file/busy'
  | 'file/unreadable'
  | 'file/unwritable'
  /** The disk, or a quota. */
  | 'file/full'
  | 'file/not-regular'
  | 'file/too-large'
> {}
