import { delimiter } from 'node:path';
import type { Shell } from 'zx/core';
import { findProgram as findIn } from '../files/find-program.ts';
import { type ShellOptions, shell } from './shell.ts';

/** Where packages put programs: a plain user's PATH lacks some of them, and so does root's after `su`. */
const USUAL_PLACES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

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
  return await findIn(name, widePath(places), []);
}

/** The PATH with the usual places behind it. */
export function widePath({ path = '', usualPlaces = USUAL_PLACES }: Places): string {
  return [...path.split(delimiter), ...usualPlaces].filter((folder) => folder !== '').join(delimiter);
}

/** zx's `$` without a terminal, in English, with the wide PATH and no secrets. */
export function shellOf(places: Places, limits: Omit<ShellOptions, 'environment'>): Shell {
  const environment = { ...places.environment, PATH: widePath(places), LC_ALL: 'C' };
  return shell({ ...limits, environment });
}

/** Runs a program like that and waits for its end; never throws. */
export async function run(
  command: readonly string[],
  { timeout, folder, ...places }: Places & { readonly timeout: number; readonly folder?: string },
): Promise<Run> {
  const ended = await shellOf(places, { timeout, folder })({ nothrow: true })`exec ${command}`;
  const { exitCode, stdout, stderr, signal, cause } = ended;
  if (exitCode !== null && exitCode >= 0 && signal === null) return { exitCode, stdout, stderr };
  return { exitCode: null, stdout, stderr: `${stderr}\nended by ${cause?.message ?? signal}` };
}

/** The lines that say why a program gave up, apt above all, for an error message. */
export function lastWords({ exitCode, stdout, stderr }: Run): string {
  const lines = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim());
  const errors = lines.filter((line) => line.startsWith('E: '));
  const telling = new Set(errors.length > 0 ? errors : lines.filter((line) => line !== ''));
  return [...telling].slice(-3).join(' / ') || `exit code ${exitCode}`;
}
