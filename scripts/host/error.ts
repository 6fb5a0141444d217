import { MirrorError } from '../base/errors.ts';

/** Reason why the host cannot start. Once it runs, errors are HTTP statuses. */
export type HostErrorCode = 'host/folder' | 'host/port-in-use' | 'host/port-denied' | 'host/address';

export class HostError extends MirrorError<HostErrorCode> {}
