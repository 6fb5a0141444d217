import type { Proxies } from '../http/proxies.ts';

/** How to reach the API of the GitHub that runs us, and as whom. */
export interface GitHubSettings {
  /** Without a final slash. */
  readonly apiUrl: string;
  readonly owner: string;
  readonly repo: string;
  readonly token: string;
  /** Whose token it is; `undefined`: to be asked of GitHub, which tells it to people but not to Apps. */
  readonly login: string | undefined;
  readonly proxies: Proxies;
}

/** The run that we are part of. */
export interface RunInfo {
  readonly id: number;
  readonly attempt: number;
  /** Of this attempt, for people. */
  readonly url: string;
  /** Its file's name, such as `mirror.yml`; `undefined` if it is another repository's workflow. */
  readonly workflow: string | undefined;
}

/** What telling of failures takes, validated. */
export interface NotifySettings {
  readonly github: GitHubSettings;
  readonly run: RunInfo;
  /** Whose issues these are. */
  readonly mirror: string;
  /** How many runs in a row must fail before an issue tells of a trouble that may pass. */
  readonly patience: number;
}
