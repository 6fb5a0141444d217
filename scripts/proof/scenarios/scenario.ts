import type { Engine, Task, ToolRun } from '../../engine/engine.ts';
import type { Transcript } from '../../engine/transcript.ts';
import type { UserSample } from '../samples/user-samples.ts';

/** What the manifest will say of a staged database. */
export interface StagedDatabase {
  readonly version: number;
  readonly signatures: number;
  readonly fLevel: number;
  /** The unbroken chain of CDIFFs that ends at `version`. */
  readonly cdiffs: { readonly first: number; readonly last: number } | null;
}

/** A CVD of an earlier version, on this machine. */
export interface EarlierCvd {
  readonly version: number;
  readonly path: string;
  /** Path of its `.sign`, which freshclam ≥ 1.5 keeps beside it; without one, FIPS limits make the CVD useless. */
  readonly sign?: string | undefined;
}

/** What is to be proven. */
export interface Candidate {
  /** The stage's folder. */
  readonly folder: string;
  /** Names of those files in it that are published already. */
  readonly publishedFiles?: ReadonlySet<string>;
  readonly staged: ReadonlyMap<string, StagedDatabase>;
  /** What is published now, by database. */
  readonly published: ReadonlyMap<string, EarlierCvd>;
  /** Earlier versions that were published and are still kept, by database. */
  readonly retained: ReadonlyMap<string, readonly EarlierCvd[]>;
  /** For the clients' folders. */
  readonly workFolder: string;
}

/** What a scenario has to work with. */
export interface Scene {
  readonly candidate: Candidate;
  readonly engine: Engine;
  /** The client's folder, the same for all scenarios of one client; its databases are in `db`. */
  readonly folder: string;
  readonly samples: readonly UserSample[];
  /** Milliseconds for one run of a tool. */
  readonly timeout: number;
  /** What is kept if the scenario fails. */
  readonly transcript: Transcript;
}

/** One thing a client does against the stage: it returns what shows that it went well, or throws. */
export interface Scenario {
  /** A sentence. */
  readonly name: string;
  /** Whose folder it plays in: what the scenario before it left there is where it starts. */
  readonly client: string;
  play(scene: Scene): Promise<string>;
}

/** Throw this for a client that did not get what the stage promises. */
export class ScenarioFailure extends Error {
  override readonly name = 'ScenarioFailure';
}

/** Throw this for what did not come in time: it fails the scenario if it happens again. */
export class OutOfTime extends ScenarioFailure {}

/** Throw this for what somebody else has done on this machine: it is no reason to refuse a database for. */
export class Disturbed extends Error {
  override readonly name = 'Disturbed';
}

/** Throw this for what an engine or this machine cannot do. */
export class ScenarioSkipped extends Error {
  override readonly name = 'ScenarioSkipped';
}

/** A task in the client's folder. */
export function inFolder(scene: Scene, task: Omit<Task, 'folder' | 'timeout'>): Task {
  return { ...task, folder: scene.folder, timeout: scene.timeout };
}

/** The lines of a tool's output that tell most, as one: for a database, where it is malformed. */
export function tellingLine({ output }: Pick<ToolRun, 'output'>): string {
  const lines = spreadOut(output)
    .split('\n')
    .filter((line) => /[^\s*]/.test(line.replace(/^\S*LibClamAV\S* /, '')));
  const telling = lines
    .filter((line) => /malformed|can't|problem|invalid|unsupported/i.test(line))
    .slice(0, 5);
  const last = lines.findLast((line) => /error|warning|failed/i.test(line)) ?? lines.at(-1) ?? 'no output';
  return (telling.length > 0 ? telling : [last])
    .map((line) =>
      line
        .replace(/^(?:WARNING: |ERROR: )?(?:\[LibClamAV\]|LibClamAV (?:Error|Warning):) /, '')
        .replaceAll(OF_THIS_RUN, '')
        .trim(),
    )
    .join('; ')
    .slice(0, 500);
}

/** freshclam's folder and name for a download until it has passed its test: they are other ones in each run. */
const OF_THIS_RUN = /\/\S*\/clamav-[0-9a-f]{32}\.tmp-(?=\S+\.c[vl]d)/g;

/**
 * freshclam 1.0 gives the first and the last line of what the library said, as one line of its own (seen of 1.0.5, the
 * one of Ubuntu 24.04; 1.4 gives each line).
 */
function spreadOut(output: string): string {
  return output.replaceAll(/^WARNING: Stderr output from database load : (.*)$/gm, (_, said: string) =>
    said.replace(' [...] ', '\n'),
  );
}
