import { MirrorError } from '../base/errors.ts';

/** Why the host cannot start; once it runs, trouble is an HTTP status. */
export type HostErrorCode = 'host/folder' | 'host/port-in-use' | 'host/port-denied' | 'host/address';

export class HostError extends MirrorError<HostErrorCode> {}
