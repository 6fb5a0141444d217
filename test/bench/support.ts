import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LegacyKeys } from '../../scripts/cvd/keys.ts';
import { shell } from '../../scripts/setup/shell.ts';
import { TALOS, type Trust } from '../../scripts/verify/trust.ts';

/** What a child process that measures itself prints as its last line. */
export interface Measured {
  /** Seconds. */
  readonly seconds: number;
  /** The largest resident set of the process with all its threads, in MB. */
  readonly peakMegabytes: number;
}

/** Runs a module of this folder as a process of its own, with one JSON argument. */
export async function measure<T extends Measured = Measured>(module: string, argument: unknown): Promise<T> {
  const path = fileURLToPath(new URL(module, import.meta.url));
  const { stdout } = await shell({
    environment: process.env,
  })`${process.execPath} ${path} ${JSON.stringify(argument)}`;
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

/** In a measuring child: times `work` and prints the result. */
export async function report<T extends object>(work: () => Promise<T>): Promise<void> {
  const begun = performance.now();
  const more = await work();
  const seconds = (performance.now() - begun) / 1000;
  const peakMegabytes = process.resourceUsage().maxRSS / 1000;
  process.stdout.write(`${JSON.stringify({ ...more, seconds, peakMegabytes })}\n`);
}

/** Test keys as they cross to a child. */
export function keysToJson(keys: LegacyKeys): unknown {
  return JSON.parse(JSON.stringify(keys, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
}

export function trustFromJson(keys: { [name in keyof LegacyKeys]: { n: string; e: string } }): Trust {
  const key = ({ n, e }: { n: string; e: string }) => ({ n: BigInt(n), e: BigInt(e) });
  return { ...TALOS, keys: { header: key(keys.header), info: key(keys.info), cdiff: key(keys.cdiff) } };
}

/** A folder that is gone when the bench has ended. */
export async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'clamav-mirror-bench-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

let out: NodeJS.WriteStream = process.stdout;

/** Lets `say` print somewhere else than to stdout. */
export function sayOn(stream: NodeJS.WriteStream): void {
  out = stream;
}

export function say(line: string): void {
  out.write(`  ${line}\n`);
}

/** `1.52 (1.50–1.61)`: the median with the least and the most. */
export function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const [least, median, most] = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return `${median?.toFixed(2)} (${least?.toFixed(2)}–${most?.toFixed(2)})`;
}
