import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { isUnattended } from '../../../scripts/settings/environment.ts';
import { lastWords, run } from '../../../scripts/setup/programs.ts';
import { LABEL } from '../docker/docker-cli.ts';
import { findArchive } from '../setup/debian-archive.ts';
import { describeWith, have } from '../setup/official.ts';
import { realPart } from '../setup/real-part.ts';

const SCRIPT = join(import.meta.dirname, 'image.sh');
const LOCK = join(tmpdir(), 'clamav-mirror-tests-image.lock');
const BUILD_MS = 15 * 60_000;
const OPTIONS = { path: process.env.PATH, environment: process.env, log: () => {}, ask: isUnattended };

/** The image of this repository, built by its Dockerfile on a base that is made here. */
const part = await realPart('image', async () => {
  have(inject('docker')); // it has run containers; an image that does not run is a fault, and no want of a part
  return await build();
});

/** Like `describe`, and skipped, loudly and counted, where the image cannot be built. */
export const describeWithImage = describeWith(part);

/** The ID of the image. */
export function mirrorImage(): string {
  return have(part);
}

/** One at a time: each finds the layers of the one before. The image goes with the run; its base stays. */
async function build(): Promise<string> {
  const { base, sources, cafile } = await baseOf();
  const variables = [`LABELS=--label=${LABEL}=${inject('run')}`, `CAFILE=${cafile}`];
  const command = ['flock', LOCK, 'env', ...variables, SCRIPT, base, ...sources];
  const result = await run(command, { ...OPTIONS, timeout: BUILD_MS });
  if (result.exitCode === 0) return result.stdout.trim();
  throw new Error(`the image cannot be built: ${lastWords(result)}`);
}

interface Base {
  readonly base: string;
  readonly sources: readonly string[];
  readonly cafile: string;
}

/** A base that is made here of the archive that this machine uses; where it uses none of Debian's, the one of the registry. */
async function baseOf(): Promise<Base> {
  const archive = await findArchive(OPTIONS).catch(() => undefined);
  if (archive === undefined) return { base: 'debian:trixie-slim', sources: [], cafile: '' };
  const { plain, security } = archive;
  const cafile = await npmSetting('cafile');
  const sources = [`deb ${plain} trixie main`];
  if (security !== undefined) sources.push(`deb ${security} trixie-security main`);
  const recipe = JSON.stringify([sources, cafile, await readFile(SCRIPT, 'utf8')]);
  const hash = createHash('sha256').update(recipe).digest('hex').slice(0, 12);
  return { base: `${LABEL}:base-${hash}`, sources, cafile };
}

async function npmSetting(name: string): Promise<string> {
  const { stdout } = await run(['npm', 'config', 'get', name], { ...OPTIONS, timeout: 60_000 });
  const value = stdout.trim();
  return value === 'null' || value === 'undefined' ? '' : value;
}
