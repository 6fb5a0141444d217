import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobLog } from './log.ts';
import type { Patience } from './process.ts';
import type { StandIn } from './stand-ins.ts';

/** Where and how jobs run; see `RunOptions` for what a test has to say. */
export interface Place {
  /** Each job gets a folder of its own in it. */
  readonly folder: string;
  /** Folders with the files of repositories, by `owner/name`. */
  readonly repositories: Readonly<Record<string, string>>;
  readonly actions: Readonly<Record<string, StandIn>>;
  readonly images: Readonly<Record<string, string>>;
  /** The machine's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly path: string;
  /** The Node that runs actions in JavaScript. */
  readonly node: string;
  /** Variables that only actions get and never steps that `run`. */
  readonly runtime: Readonly<Record<string, string>>;
  readonly oidc: { readonly url: string; readonly token: string } | undefined;
  readonly debug: boolean;
  /** Milliseconds in a minute of `timeout-minutes`. */
  readonly minute: number;
  readonly patience: Patience;
}

export type Result = 'success' | 'failure' | 'cancelled' | 'skipped';

export interface StepResult {
  readonly name: string;
  readonly id: string | undefined;
  /** Before `continue-on-error`. */
  readonly outcome: Result;
  /** After it. */
  readonly conclusion: Result;
  readonly outputs: Readonly<Record<string, string>>;
  readonly log: string;
  /** Those of a composite action. */
  readonly steps: readonly StepResult[];
}

/** A machine that carries out one job. */
export interface Machine {
  readonly place: Place;
  readonly log: JobLog;
  readonly folders: Folders;
  /** `env` of the workflow and the job, and what steps wrote into GITHUB_ENV. */
  readonly environment: Record<string, string>;
  /** What steps added to the PATH, the last one last. */
  readonly paths: string[];
  readonly summaries: string[];
  /** What is to be done after the last step, the last one first. */
  readonly posts: { readonly name: string; readonly run: () => Promise<void> }[];
  /** The `job` context. */
  readonly job: {
    status: Result;
    readonly services: Record<string, unknown>;
    readonly [key: string]: unknown;
  };
  readonly runner: Readonly<Record<string, string>>;
  readonly defaults: { readonly shell: string | undefined; readonly folder: string | undefined };
  /** Set once the job is to end. */
  readonly signal: AbortSignal;
  readonly trackingId: string;
  /** Whether the token may ask for an identity token. */
  readonly idToken: boolean;
  /** The repository that the workflow's file comes from. */
  readonly workflowRepository: string;
}

export interface Folders {
  readonly workspace: string;
  readonly temporary: string;
  readonly actions: string;
  readonly tools: string;
  readonly home: string;
}

/** As GitHub lays them out. */
export async function makeFolders(root: string, repository: string): Promise<Folders> {
  const name = repository.split('/')[1] ?? repository;
  const folders = {
    workspace: join(root, 'work', name, name),
    temporary: join(root, 'work', '_temp'),
    actions: join(root, 'work', '_actions'),
    tools: join(root, 'hostedtoolcache'),
    home: join(root, 'home'),
  };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });
  return folders;
}

/** The environment of a program of a step: nothing but what the runner gives it. */
export function environmentOf(
  machine: Machine,
  github: Readonly<Record<string, unknown>>,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  const given: Record<string, string> = {};
  for (const [key, value] of Object.entries(github)) {
    if (typeof value === 'string' && EXPORTED.has(key)) given[`GITHUB_${key.toUpperCase()}`] = value;
    if (typeof value === 'boolean' && EXPORTED.has(key)) given[`GITHUB_${key.toUpperCase()}`] = String(value);
  }
  for (const [key, value] of Object.entries(machine.runner)) given[`RUNNER_${key.toUpperCase()}`] = value;
  const { HOME = machine.folders.home, PATH = machine.place.path } = own;
  return {
    CI: 'true',
    ...machine.place.env,
    ...own,
    ...given,
    GITHUB_ACTIONS: 'true',
    RUNNER_TRACKING_ID: machine.trackingId,
    HOME,
    PATH: [...machine.paths.toReversed(), PATH].join(':'),
  };
}

export function newTrackingId(): string {
  return `github_${randomBytes(16).toString('hex')}`;
}

/** The keys of the `github` context that become variables. */
const EXPORTED = new Set(
  `action action_path action_ref action_repository actor actor_id api_url base_ref event_name event_path graphql_url head_ref
  job ref ref_name ref_protected ref_type repository repository_id repository_owner repository_owner_id retention_days run_attempt
  run_id run_number server_url sha triggering_actor workflow workflow_ref workflow_sha workspace`.split(
    /\s+/,
  ),
);
