import { constants } from 'node:os';
import { MirrorError } from '../base/errors.ts';

/**
 * `missing`: there is no such engine. `confined`: it may not read or write where we work. `broken`: it, or the machine
 * that it runs on, fails in another way. None of them blames a database.
 */
export class EngineError extends MirrorError<'engine/missing' | 'engine/broken' | 'engine/confined'> {}

/** The f-level of ClamAV 1.5.0, the first that reads `.sign` files and knows FIPS limits (clamav-formats.md §8.1). */
export const FIRST_SIGN_FLEVEL = 230;

/** True for ClamAV ≥ 1.5: it asks for `.sign` files, and takes `FIPSCryptoHashLimits` and `--fips-limits`. */
export function readsSigns({ fLevel }: Pick<Engine, 'fLevel'>): boolean {
  return fLevel >= FIRST_SIGN_FLEVEL;
}

/** The programs of ClamAV that scenarios run. */
export type Tool = 'freshclam' | 'clamscan' | 'clamd';

/** What a program did. `exitCode` is `null` if a signal or the time limit ended it. */
export interface ToolRun {
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  /** `SIGKILL`, if a signal ended it that did not come from us. */
  readonly signal?: string | undefined;
  /** Whether its container says that the kernel ended something in it for want of memory. */
  readonly outOfMemory?: boolean | undefined;
  /** stdout and stderr as they came, cut after 1 MiB. */
  readonly output: string;
}

/** `exit 0`, or what ended it before it could say so. */
export function endOf({ exitCode, timedOut, signal }: ToolRun): string {
  if (timedOut) return 'killed: its time was up';
  return exitCode === null
    ? `ended by a signal${signal === undefined ? '' : `, ${signal}`}`
    : `exit ${exitCode}`;
}

/** Shells and container engines say of a signal 128 and its number. */
export function withExitCode(run: ToolRun, code: number): ToolRun {
  if (code <= SIGNALLED) return { ...run, exitCode: code };
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - SIGNALLED)?.[0];
  return { ...run, exitCode: null, signal };
}

const SIGNALLED = 128;

/** A program under way. */
export interface Program {
  /** stdout and stderr so far, as they came, cut after 1 MiB. */
  output(): string;
  /** Settles once it has ended and its folder is as it left it. Rejects with `engine/broken` only. */
  readonly ended: Promise<ToolRun>;
  /** Kills it with all that it started. */
  stop(): Promise<ToolRun>;
}

/** What a tool is to do. */
export interface Task {
  readonly tool: Tool;
  /** A folder of this machine. */
  readonly folder: string;
  /** Given the path under which the engine sees that folder. */
  readonly args: (folder: string) => readonly string[];
  /** Milliseconds; then it is killed. */
  readonly timeout: number;
  /** The IP address of the nameserver that it is to ask, if it `canAskNameserver`. */
  readonly nameserver?: string;
}

/**
 * The way to the engine's clamd: an address of TCP, or a socket of a folder that both sides have; the engine has the
 * task's folder as `inside`, or, if that is undefined, every folder as we have it.
 */
export type DaemonReach = { readonly address: string } | { readonly inside: string | undefined };

/** A ClamAV installation with a version. */
export interface Engine {
  /** As it was asked for: `native`, `docker:IMAGE` or `container:ID`. */
  readonly name: string;
  /** `1.4.6` */
  readonly version: string;
  /** The functionality level: which signatures it understands. */
  readonly fLevel: number;
  /** The tools that it has; `freshclam` and `clamscan` always. */
  readonly tools: ReadonlySet<Tool>;
  /** The address of this machine on which a host of ours must listen to be reached by the engine's tools. */
  readonly hostAddress: string;
  readonly daemon: DaemonReach;
  /** The user that freshclam may become, since it refuses to stay root by itself. */
  readonly databaseOwner: string;
  readonly canAskNameserver: boolean;
  /** A tool that fails is a result; only an engine that cannot run it at all throws `engine/broken`. */
  start(task: Task): Promise<Program>;
}

/** Runs a tool to its end. */
export async function run(engine: Pick<Engine, 'start'>, task: Task): Promise<ToolRun> {
  const program = await engine.start(task);
  return await program.ended;
}
