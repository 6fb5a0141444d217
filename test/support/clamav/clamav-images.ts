import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lastWords, run } from '../../../scripts/setup/programs.ts';
import { docker, LABEL } from '../docker/docker-cli.ts';
import { type Archive, findArchive } from '../setup/debian-archive.ts';
import type { InstallOptions } from '../setup/install.ts';
import { type RealPart, realPart } from '../setup/real-part.ts';

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

/**
 * Builds the images that the Docker engine lacks, with packages from the archive that this machine uses. One that does
 * not run is none.
 */
export async function ensureImages(options: InstallOptions): Promise<Images> {
  let tools: Promise<Archive> | undefined;
  const ensure = async (name: ImageName): Promise<RealPart<string>> => {
    const tag = `${LABEL}:${name}`;
    return await realPart(name, async () => {
      const recipe = await recipeOf(name);
      if ((await recipeIn(tag)) !== recipe) {
        tools ??= findArchive(options);
        await build(name, tag, recipe, await tools, options).catch(({ message }) => {
          throw new Error(`the Docker image ${tag} cannot be built: ${message}`);
        });
      } else {
        await tryOut(tag).catch(({ message }) => {
          throw new Error(`the Docker image ${tag} does not run here: ${message}`);
        });
      }
      return tag;
    });
  };
  const [oldest, older, newest] = await Promise.all([ensure('oldest'), ensure('older'), ensure('newest')]);
  return { oldest, older, newest };
}

/** What its ClamAV says of itself, by a container: an engine may answer and be unable to run one. */
async function tryOut(image: string): Promise<string> {
  return await docker('run', '--rm', '--network=none', image, 'clamscan', '--version');
}

/** An image is built anew when this changes. */
export async function recipeOf(name: ImageName): Promise<string> {
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
  const version = await tryOut(id);
  await docker('image', 'rm', tag).catch(() => {}); // the one of an earlier recipe
  await docker('tag', id, tag);
  log(`built the Docker image ${tag}: ${version} (${Math.round((Date.now() - started) / 1000)} s)`);
}
