import { MirrorError } from '../base/errors.ts';

/** Error about a bundle. Nothing of it has been taken. */
export class BundleError extends MirrorError<
  /** The store has nothing to export, or something in it is damaged. */
  | 'bundle/nothing'
  /** No bundle, one of a later version of this program, or a damaged one. */
  | 'bundle/damaged'
  /** A piece of a bundle is missing. */
  | 'bundle/piece'
  /** Something between what the store has and what the bundle leads to is missing. */
  | 'bundle/gap'
  /** It does not come from the mirror whose bundles were imported before. */
  | 'bundle/other-mirror'
  /** The start of an export, `--since`, cannot be found out. */
  | 'bundle/since'
> {}
