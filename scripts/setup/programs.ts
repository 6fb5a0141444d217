import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Where packages put programs: a plain user's PATH lacks some of them, and so does root's after `su`. */
const USUAL_PLACES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const OUTPUT_LIMIT = 64 * 1024 * 1024;

/** Where to look for programs. */
export interface Places {
  /** A PATH; it comes first. */
  readonly path?: string | undefined;
  /** Folders that count as well. */
  readonly usualPlaces?: readonly string[];
  /** All that a program may know of our environment, beside the PATH; default: nothing. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** What a program did; `exitCode` is `null` if something else ended it, which `stderr` then tells. */
export interface Run {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The path of a program, or `undefined`. */
export async function findProgram(name: string, places: Places): Promise<string | undefined> {
  for (const folder of widePath(places).split(delimiter)) {
    const candidate = join(folder, name);
    const found = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return candidate;
  }
  return undefined;
}

/** The PATH with the usual places behind it. */
export function widePath({ path = '', usualPlaces = USUAL_PLACES }: Places): string {
  return [...path.split(delimiter), ...usualPlaces].filter((folder) => folder !== '').join(delimiter);
}

/** Runs a program without a terminal, in English, with the wide PATH and no secrets, and waits for its end; never throws. */
export async function run(
  command: readonly string[],
  options: Places & { readonly timeout: number; readonly folder?: string },
): Promise<Run> {
  const env = { ...options.environment, PATH: widePath(options), LC_ALL: 'C' };
  return await new Promise((resolve) => {
    const limits = { env, timeout: options.timeout, maxBuffer: OUTPUT_LIMIT, cwd: options.folder };
    const child = execFile('/usr/bin/env', command, limits, (error, stdout, stderr) => {
      if (error === null) resolve({ exitCode: 0, stdout, stderr });
      else if (typeof error.code === 'number') resolve({ exitCode: error.code, stdout, stderr });
      else resolve({ exitCode: null, stdout, stderr: `${stderr}\nended by ${error.signal ?? error.code}` });
    });
    child.stdin?.end();
  });
}

/** The lines that say why a program gave up, apt above all, for an error message. */
export function lastWords({ exitCode, stdout, stderr }: Run): string {
  const lines = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim());
  const errors = lines.filter((line) => line.startsWith('E: '));
  const telling = new Set(errors.length > 0 ? errors : lines.filter((line) => line !== ''));
  return [...telling].slice(-3).join(' / ') || `exit code ${exitCode}`;
}
