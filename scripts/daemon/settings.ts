import type { StoreSettings } from '../store/settings.ts';

/** Everything that a mirror needs to know to run as one process. A cycle gets its own settings by its environment. */
export interface RunSettings extends StoreSettings {
  readonly work: string;
  /** Milliseconds between the starts of two cycles, on average. */
  readonly every: number;
  /** Milliseconds without a good check of upstream after which the mirror is not ready. */
  readonly maxAge: number;
  /** Where clients are served, if the store is a folder. */
  readonly listen: ListenAddress;
  /** Where health and metrics are told; `undefined`: nowhere. */
  readonly admin: ListenAddress | undefined;
  /** Key of the messages by which upstream may ask for a cycle on the admin address. */
  readonly pushSecret: Buffer | undefined;
  /** Path of the socket on which a cycle can be asked for; `undefined`: none. */
  readonly socket: string | undefined;
  /** Whole environment of a cycle, with every option that this process was given. */
  readonly cycleEnvironment: Readonly<Record<string, string | undefined>>;
}

export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}
