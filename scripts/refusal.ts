import { MirrorError } from './errors.ts';

/** What upstream offered is genuine, and yet not to be published. */
export class RefusalError extends MirrorError<'proof/failed' | 'proof/implausible' | 'proof/held'> {}
