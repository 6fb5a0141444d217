import { codeOf } from '../../base/errors.ts';
import { SILENT } from '../../base/log.ts';
import { DEFAULT_IMAGES } from '../../engine/default-images.ts';
import { findContainerProgram } from '../../engine/docker/cli.ts';
import { type Engine, EngineError } from '../../engine/engine.ts';
import { openEngines } from '../../engine/open.ts';
import { type EngineSpec, parseEngineSpec } from '../../engine/spec.ts';
import type { DoctorContext } from '../context.ts';
import { bad, badBy, good, type Seen } from '../finding.ts';

type Context = Pick<DoctorContext, 'settings' | 'programs' | 'testFolders'>;

/** An engine that the settings name opens, as it does for a run. */
export async function checkEngine(spec: EngineSpec, context: Context): Promise<Seen> {
  return await inWorkFolder(context, async () => await lookAt(spec, context));
}

async function lookAt(spec: EngineSpec, context: Context): Promise<Seen> {
  try {
    const missing = spec.kind === 'docker' ? await missingImage(spec.image, context) : undefined;
    return missing ?? good(told(await open([spec], context)));
  } catch (error) {
    return badBy(error);
  }
}

/** Opens the engines that are there: the ClamAV of this machine, else the default images, which are not pulled for that. */
export async function checkWhatIsThere(context: Context): Promise<Seen> {
  return await inWorkFolder(context, async () => await lookAtWhatIsThere(context));
}

async function lookAtWhatIsThere(context: Context): Promise<Seen> {
  try {
    return good(told(await open([parseEngineSpec('native')], context)));
  } catch (error) {
    if (codeOf(error) !== 'engine/missing') return badBy(error);
  }
  try {
    for (const image of DEFAULT_IMAGES) {
      const missing = await missingImage(image, context);
      if (missing !== undefined) return missing;
    }
    return good(told(await open(undefined, context)));
  } catch (error) {
    return badBy(error, codeOf(error) === 'engine/missing' ? NO_CLAMAV : undefined);
  }
}

const NO_CLAMAV =
  'Install ClamAV (Debian, Ubuntu: apt-get install clamav clamav-freshclam clamav-daemon), or let docker or podman have it, or name engines by --engines';

/** Speaks of the work folder where its test folder is meant: what is to be done about that is to be done for all of it. */
async function inWorkFolder({ settings, testFolders }: Context, look: () => Promise<Seen>): Promise<Seen> {
  const { work } = settings.sync;
  const { folder } = await testFolders.anywhere(work);
  const named = (text: string) => text.replaceAll(folder, work);
  const seen = await look();
  if ('skipped' in seen || seen.ok) return seen;
  return bad(named(seen.found), named(seen.advice));
}

/** In a work folder of our own: in that of the settings a run may be under way, whose containers would be removed. */
async function open(specs: readonly EngineSpec[] | undefined, context: Context): Promise<Engine[]> {
  const { settings, programs, testFolders } = context;
  const { folder: work } = await testFolders.anywhere(settings.sync.work);
  return await openEngines(specs, { ...programs, work, log: SILENT });
}

function told(engines: readonly Engine[]): string {
  return engines
    .map(({ name, version, fLevel, tools }) => {
      const clamd = tools.has('clamd') ? '' : ', without clamd, so that no clamd is tried';
      return `${name} is ClamAV ${version}, f-level ${fLevel}${clamd}`;
    })
    .join('; ');
}

/** An image that is not there is pulled by a run, not by a look. Throws `engine/missing` if there is none to be asked. */
async function missingImage(image: string, { programs }: Context): Promise<Seen | undefined> {
  const { path, environment } = programs;
  const program = await findContainerProgram(path, environment.services);
  try {
    await program.command(['image', 'inspect', '--format={{.Id}}', image]);
    return undefined;
  } catch (error) {
    if (!(error instanceof EngineError) || !/no such image|image not known|not found/i.test(error.message))
      throw error;
    const name = program.isPodman ? 'podman' : 'docker';
    return bad(`the image ${image} is not on this machine`, `${name} pull ${image}, or let sync do it`);
  }
}
