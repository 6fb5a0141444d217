import { MirrorError } from '../base/errors.ts';

/** Error about a file that has changed, is not what it should be, or cannot be read or written. */
export class FileError extends MirrorError<
  | 'file/changed'
  | 'file/busy'
  | 'file/unreadable'
  | 'file/unwritable'
  /** The disk or a quota is full. */
  | 'file/full'
  | 'file/not-regular'
  | 'file/too-large'
> {}
