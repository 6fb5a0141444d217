import { MirrorError } from './errors.ts';

/**
 * What upstream offered is not to be published, though nothing was found wrong with it now: it is genuine, or it was
 * refused before (`held`), for its proof or for not being genuine, or a process died of it (`killed`).
 */
export class RefusalError extends MirrorError<
  'proof/failed' | 'proof/implausible' | 'proof/held' | 'proof/killed' | 'verify/held'
> {}
