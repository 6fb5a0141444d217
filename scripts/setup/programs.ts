import { delimiter } from 'node:path';
import type { Shell } from 'zx/core';
import { findProgram as findIn } from '../files/find-program.ts';
import { type ShellOptions, shell } from './shell.ts';

/**
 * Folders in which packages install programs: the PATH of a plain user lacks some of them, and so does that of root
 * after `su`.
 */
const USUAL_PLACES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Folders to search for programs. */
export interface Places {
  /** PATH, searched first. */
  readonly path?: string | undefined;
  /** Further folders to search. */
  readonly usualPlaces?: readonly string[];
  /** Environment of a program besides the PATH; default: nothing. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Result of a program. `exitCode` is `null` if something else ended it; `stderr` then tells what. */
export interface Run {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Finds the path of a program; `undefined` if there is none. */
export async function findProgram(name: string, places: Places): Promise<string | undefined> {
  return await findIn(name, widePath(places), []);
}

/** PATH followed by the usual folders. */
export function widePath({ path = '', usualPlaces = USUAL_PLACES }: Places): string {
  return [...path.split(delimiter), ...usualPlaces].filter((folder) => folder !== '').join(delimiter);
}

/** Shell of zx without a terminal, in English, with the wide PATH and no secrets. */
export function shellOf(places: Places, limits: Omit<ShellOptions, 'environment'>): Shell {
  const environment = { ...places.environment, PATH: widePath(places), LC_ALL: 'C' };
  return shell({ ...limits, environment });
}

/** Runs a program in such a shell and waits for its end. Never throws. */
export async function run(
  command: readonly string[],
  { timeout, folder, ...places }: Places & { readonly timeout: number; readonly folder?: string },
): Promise<Run> {
  const ended = await shellOf(places, { timeout, folder })({ nothrow: true })`exec ${command}`;
  const { exitCode, stdout, stderr, signal, cause } = ended;
  if (exitCode !== null && exitCode >= 0 && signal === null) return { exitCode, stdout, stderr };
  return { exitCode: null, stdout, stderr: `${stderr}\nended by ${cause?.message ?? signal}` };
}

/** Lines that say why a program gave up, apt above all, for an error message. */
export function lastWords({ exitCode, stdout, stderr }: Run): string {
  const lines = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim());
  const errors = lines.filter((line) => line.startsWith('E: '));
  const telling = new Set(errors.length > 0 ? errors : lines.filter((line) => line !== ''));
  return [...telling].slice(-3).join(' / ') || `exit code ${exitCode}`;
}
