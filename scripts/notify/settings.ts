import type { Proxies } from '../http/proxies.ts';
import type { Address } from './channels/address.ts';

/** Access to the API of the GitHub that runs us. */
export interface GitHubSettings {
  /** Without a final slash. */
  readonly apiUrl: string;
  readonly owner: string;
  readonly repo: string;
  readonly token: string;
  /** Login of the token; `undefined`: ask GitHub, which answers people but not Apps. */
  readonly login: string | undefined;
  readonly proxies: Proxies;
}

/** The workflow run that we are part of. */
export interface RunInfo {
  readonly id: number;
  readonly attempt: number;
  /** Page of this attempt, for people. */
  readonly url: string;
  /** File name of the workflow, such as `mirror.yml`; `undefined` if the workflow belongs to another repository. */
  readonly workflow: string | undefined;
}

/** Validated settings of the notifier. */
export interface NotifySettings {
  readonly github: GitHubSettings;
  readonly run: RunInfo;
  /** Id of the mirror whose issues these are. */
  readonly mirror: string;
  /** Runs in a row that must fail before an issue is opened for a failure that may pass by itself. */
  readonly patience: number;
}

/** Validated settings of the alerts of one command. */
export interface AlertSettings {
  readonly addresses: readonly Address[];
  /** Runs in a row that must fail before an alert tells of a failure that may pass by itself. */
  readonly patience: number;
  /** Id of the mirror that the alerts are about, and its public address if it has one. */
  readonly mirror: string;
  readonly url: string | undefined;
  /** File that remembers what was told; `undefined`: none, so everything is told each time. */
  readonly memory: string | undefined;
  readonly proxies: Proxies;
}
