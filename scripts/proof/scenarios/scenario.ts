import type { Engine, Task, ToolRun } from '../../engine/engine.ts';
import type { Transcript } from '../../engine/transcript.ts';
import type { UserSample } from '../samples/user-samples.ts';

/** Future record of a staged database. */
export interface StagedDatabase {
  readonly version: number;
  readonly signatures: number;
  readonly fLevel: number;
  /** Unbroken chain of CDIFFs that ends at `version`. */
  readonly cdiffs: { readonly first: number; readonly last: number } | null;
}

/** CVD of an earlier version on this machine. */
export interface EarlierCvd {
  readonly version: number;
  readonly path: string;
  /** Path of its `.sign`, which freshclam ≥ 1.5 keeps beside it. Without one, FIPS limits make the CVD useless. */
  readonly sign?: string | undefined;
}

/** Stage to prove, with what clients have before. */
export interface Candidate {
  /** Folder of the stage. */
  readonly folder: string;
  /** Names of the files in the stage that are already published. */
  readonly publishedFiles?: ReadonlySet<string>;
  readonly staged: ReadonlyMap<string, StagedDatabase>;
  /** Published CVDs, by database. */
  readonly published: ReadonlyMap<string, EarlierCvd>;
  /** Earlier versions in the archive, by database. */
  readonly retained: ReadonlyMap<string, readonly EarlierCvd[]>;
  /** Folder for the folders of the clients. */
  readonly workFolder: string;
}

/** Everything that a scenario works with. */
export interface Scene {
  readonly candidate: Candidate;
  readonly engine: Engine;
  /** Folder of the client, the same for all its scenarios. Its databases are in `db`. */
  readonly folder: string;
  readonly samples: readonly UserSample[];
  /** Time limit for one run of a tool in milliseconds. */
  readonly timeout: number;
  /** Transcript, kept if the scenario fails. */
  readonly transcript: Transcript;
  /** Is told how many bytes a tool had in memory with one set of the candidate's databases. */
  readonly loaded?: ((bytes: number | undefined) => void) | undefined;
}

/** One thing that a client does against the stage. Playing it returns the evidence of success, or throws. */
export interface Scenario {
  /** Name, a sentence. */
  readonly name: string;
  /** Client whose folder it plays in. It starts from what the scenario before it left there. */
  readonly client: string;
  /** Sets of databases that its tools hold in memory at once. By default none: freshclam alone loads nothing. */
  readonly sets?: number;
  play(scene: Scene): Promise<string>;
}

/** Failure of a client that did not get what the stage promises. */
export class ScenarioFailure extends Error {
  override readonly name = 'ScenarioFailure';
}

/** Failure to finish in time. It counts only if it happens again. */
export class OutOfTime extends ScenarioFailure {}

/** Interference by somebody else on this machine. It never counts against a database. */
export class Disturbed extends Error {
  override readonly name = 'Disturbed';
}

/** Scenario that an engine or this machine cannot play. */
export class ScenarioSkipped extends Error {
  override readonly name = 'ScenarioSkipped';
}

/** Task in the folder of the client. */
export function inFolder(scene: Scene, task: Omit<Task, 'folder' | 'timeout'>): Task {
  return { ...task, folder: scene.folder, timeout: scene.timeout };
}

/** The most telling lines of the output of a tool, as one line: for a malformed database, where it is malformed. */
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

/** Path of a download of freshclam before its test. It differs in each run. */
const OF_THIS_RUN = /\/\S*\/clamav-[0-9a-f]{32}\.tmp-(?=\S+\.c[vl]d)/g;

/**
 * Splits a line of freshclam 1.0 that joins the first and the last message of the library (seen with 1.0.5 of Ubuntu
 * 24.04). freshclam 1.4 prints each message on a line of its own.
 */
function spreadOut(output: string): string {
  return output.replaceAll(/^WARNING: Stderr output from database load : (.*)$/gm, (_, said: string) =>
    said.replace(' [...] ', '\n'),
  );
}
