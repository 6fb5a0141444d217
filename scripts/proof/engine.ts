import { MirrorError } from '../errors.ts';

export class EngineError extends MirrorError<'engine/missing' | 'engine/broken'> {}

/** The programs of ClamAV that scenarios run. */
export type Tool = 'freshclam' | 'clamscan';

/** What a program did. `exitCode` is `null` if a signal or the time limit ended it. */
export interface ToolRun {
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  /** stdout and stderr as they came, cut after 1 MiB. */
  readonly output: string;
}

/** A ClamAV installation with a version. */
export interface Engine {
  /** `native`, or how the container is named. */
  readonly name: string;
  /** `1.4.6` */
  readonly version: string;
  /**
   * Runs a tool on a folder of this machine; `args` is given the path under which the engine sees that folder.
   * A tool that fails is a result; only an engine that cannot run it at all throws `engine/broken`.
   */
  run(
    tool: Tool,
    folder: string,
    args: (folder: string) => readonly string[],
    timeout: number,
  ): Promise<ToolRun>;
  /** The address of a server on this machine's loopback, as the engine reaches it. */
  addressOf(port: number): string;
  /** The user that freshclam may become, since it refuses to stay root by itself. */
  readonly databaseOwner: string;
}
