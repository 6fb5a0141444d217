import { constants } from 'node:os';
import { MirrorError } from '../base/errors.ts';

/**
 * Error of an engine; it never blames a database. `missing`: there is no such engine. `confined`: it may not read or
 * write in our folders. `broken`: it or its machine fails in another way.
 */
export class EngineError extends MirrorError<'engine/missing' | 'engine/broken' | 'engine/confined'> {}

/**
 * F-level of ClamAV 1.5.0, the first version that reads `.sign` files and knows FIPS limits (clamav-formats.md §8.1).
 */
export const FIRST_SIGN_FLEVEL = 230;

/** True for ClamAV ≥ 1.5: it asks for `.sign` files, and takes `FIPSCryptoHashLimits` and `--fips-limits`. */
export function readsSigns({ fLevel }: Pick<Engine, 'fLevel'>): boolean {
  return fLevel >= FIRST_SIGN_FLEVEL;
}

/** Programs of ClamAV that scenarios run. */
export const TOOLS = ['freshclam', 'clamscan', 'clamd'] as const;
export type Tool = (typeof TOOLS)[number];

/** Result of a run of a program. `exitCode` is `null` if a signal or the time limit ended it. */
export interface ToolRun {
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  /** Signal that ended it and did not come from us, such as `SIGKILL`. */
  readonly signal?: string | undefined;
  /** True if its container reports that the kernel killed something in it for lack of memory. */
  readonly outOfMemory?: boolean | undefined;
  /** stdout and stderr in order, cut after 1 MiB. */
  readonly output: string;
}

/** Describes how a run ended: `exit 0`, or what killed it. */
export function endOf({ exitCode, timedOut, signal }: ToolRun): string {
  if (timedOut) return 'killed: its time was up';
  return exitCode === null
    ? `ended by a signal${signal === undefined ? '' : `, ${signal}`}`
    : `exit ${exitCode}`;
}

/** Result with this exit code. Shells and container engines report a signal as 128 plus its number. */
export function withExitCode(run: ToolRun, code: number): ToolRun {
  if (code <= SIGNAL_OFFSET) return { ...run, exitCode: code };
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - SIGNAL_OFFSET)?.[0];
  return { ...run, exitCode: null, signal };
}

const SIGNAL_OFFSET = 128;

/** Running program. */
export interface Program {
  /** stdout and stderr so far, in order, cut after 1 MiB. */
  output(): string;
  /** Most bytes that one process of it had in memory so far; `undefined` if this machine does not tell. */
  peakMemory?(): number | undefined;
  /** Settles once the program has ended and its folder has its final content. Rejects with `engine/broken` only. */
  readonly ended: Promise<ToolRun>;
  /** Kills the program and everything that it started. */
  stop(): Promise<ToolRun>;
}

/** Task for a tool. */
export interface Task {
  readonly tool: Tool;
  /** Folder of this machine. */
  readonly folder: string;
  /** Arguments of the tool, for the path of the folder as the engine sees it. */
  readonly args: (folder: string) => readonly string[];
  /** Time limit in milliseconds; then the tool is killed. */
  readonly timeout: number;
  /** IP address of the nameserver for the tool, if the engine `canAskNameserver`. */
  readonly nameserver?: string;
  /** Sees each line of output, and says whether to keep it: debug output of real databases has megabytes. */
  readonly isKept?: (line: string) => boolean;
  /** Name of a file in the folder with all certificates to trust, in PEM. Default: those of the engine's own system. */
  readonly certificates?: string;
}

/** Variables for a task whose folder the engine sees as `folder`. ClamAV hands that one on to libcurl (freshclam(1)). */
export function variablesOf({ certificates }: Pick<Task, 'certificates'>, folder: string) {
  return certificates === undefined ? {} : { CURL_CA_BUNDLE: `${folder}/${certificates}` };
}

/**
 * Address of the clamd of the engine: on TCP, or a socket in a folder that both sides share. The engine sees the folder
 * of the task as `inside`; if that is undefined, it sees every folder as we do.
 */
export type DaemonReach = { readonly address: string } | { readonly inside: string | undefined };

/** ClamAV installation with a version. */
export interface Engine {
  /** Name by which it was requested: `native`, `docker:IMAGE` or `container:ID`. */
  readonly name: string;
  /** Version, such as `1.4.6`. */
  readonly version: string;
  /** Functionality level: it decides which signatures the engine loads. */
  readonly fLevel: number;
  /** Image that it runs from: with the digest that its registry knows it by, or, of no registry, its own id. */
  readonly image?: string | undefined;
  /** Tools of the engine. `freshclam` and `clamscan` are always among them. */
  readonly tools: ReadonlySet<Tool>;
  /** Address of this machine on which our host must listen so that the tools of the engine can reach it. */
  readonly hostAddress: string;
  readonly daemon: DaemonReach;
  /** User that freshclam may become, because it refuses to stay root on its own. */
  readonly databaseOwner: string;
  readonly canAskNameserver: boolean;
  /** Bytes of memory that all its tools may take together, if its container has a limit. */
  readonly memory?: number | undefined;
  /** Starts a tool. A failing tool is a result; only an engine that cannot run it at all throws `engine/broken`. */
  start(task: Task): Promise<Program>;
}

/** Runs a tool to its end. */
export async function run(engine: Pick<Engine, 'start'>, task: Task): Promise<ToolRun> {
  const program = await engine.start(task);
  return await program.ended;
}
