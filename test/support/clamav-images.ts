import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lastWords, run } from '../../scripts/demo/programs.ts';
import { explain } from '../../scripts/errors.ts';
import { type Archive, findArchive } from './debian-archive.ts';
import { docker, LABEL } from './docker-cli.ts';
import type { InstallOptions } from './install.ts';
import type { RealPart } from './setup.ts';

/**
 * Where their ClamAV comes from: Debian 11 has 0.103, the oldest that is worth proving with; Debian 12 as it was released
 * has one in between, and with its security updates the newest.
 */
const SUITES = {
  oldest: { suite: 'bullseye', security: false },
  older: { suite: 'bookworm', security: false },
  newest: { suite: 'bookworm', security: true },
} as const;

export type ImageName = keyof typeof SUITES;

/** The tag of each, or why there is none. */
export type Images = Readonly<Record<ImageName, RealPart<string>>>;

const SCRIPT = join(import.meta.dirname, 'clamav-image.sh');
const TIMEOUT = 5 * 60_000;

/** Builds the images that the Docker engine lacks, with packages from the archive that this machine uses. */
export async function ensureImages(options: InstallOptions): Promise<Images> {
  let tools: Promise<Archive> | undefined;
  const ensure = async (name: ImageName): Promise<RealPart<string>> => {
    const tag = `${LABEL}:${name}`;
    const recipe = await recipeOf(name);
    if ((await recipeIn(tag)) === recipe) return { have: tag };
    try {
      tools ??= findArchive(options);
      await build(name, tag, recipe, await tools, options);
      return { have: tag };
    } catch (error) {
      return { missing: `the Docker image ${tag} cannot be built: ${explain(error)}` };
    }
  };
  const [oldest, older, newest] = await Promise.all([ensure('oldest'), ensure('older'), ensure('newest')]);
  return { oldest, older, newest };
}

/** An image is built anew when this changes. */
async function recipeOf(name: ImageName): Promise<string> {
  const text = JSON.stringify(SUITES[name]) + (await readFile(SCRIPT, 'utf8'));
  return createHash('sha256').update(text).digest('hex');
}

async function recipeIn(tag: string): Promise<string | undefined> {
  const format = `{{index .Config.Labels "${LABEL}.recipe"}}`;
  return await docker('image', 'inspect', '--format', format, tag).catch(() => undefined);
}

async function build(
  name: ImageName,
  tag: string,
  recipe: string,
  archive: Archive,
  { log, ...places }: InstallOptions,
): Promise<void> {
  const started = Date.now();
  const { suite, security } = SUITES[name];
  const sources = [`deb ${archive.plain} ${suite} main`];
  if (security && archive.security === undefined) throw new Error('no security archive is known here');
  if (security) sources.push(`deb ${archive.security} ${suite}-security main`);
  log(`building the Docker image ${tag}`);
  const labels = `LABELS=${LABEL}=image\n${LABEL}.recipe=${recipe}`;
  const result = await run(['env', labels, SCRIPT, suite, ...sources], { ...places, timeout: TIMEOUT });
  const id = /^sha256:\w+$/m.exec(result.stdout)?.[0];
  if (result.exitCode !== 0 || id === undefined) throw new Error(lastWords(result));
  const version = await docker('run', '--rm', '--network=none', id, 'clamscan', '--version');
  await docker('image', 'rm', tag).catch(() => {}); // the one of an earlier recipe
  await docker('tag', id, tag);
  log(`built the Docker image ${tag}: ${version} (${Math.round((Date.now() - started) / 1000)} s)`);
}
