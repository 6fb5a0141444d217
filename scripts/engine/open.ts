import { codeOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { requireUnconfined } from './confinement.ts';
import { DEFAULT_IMAGES } from './default-images.ts';
import { type ContainerProgram, findContainerProgram } from './docker/cli.ts';
import { openContainer } from './docker/container.ts';
import { openImage, removeLeftContainers } from './docker/image.ts';
import { type Engine, EngineError } from './engine.ts';
import { findNativeEngine } from './native.ts';
import type { Programs } from './process.ts';
import { type EngineSpec, parseEngineSpec } from './spec.ts';

export interface OpenOptions {
  /** PATH for the programs of engines. */
  readonly path: string;
  /** Environment for the programs; by default only the PATH. */
  readonly environment?: Programs['environment'];
  /** Absolute path of the work folder, which no other run uses. Leftovers of a killed run are removed from it. */
  readonly work: string;
  readonly log: Log;
}

/**
 * Opens these engines. `undefined` means the native one, else the default images. Throws `engine/missing`,
 * `engine/broken`.
 */
export async function openEngines(
  specs: readonly EngineSpec[] | undefined,
  options: OpenOptions,
): Promise<Engine[]> {
  return specs === undefined ? await openWhatIsThere(options) : await openAll(specs, options);
}

async function openWhatIsThere(options: OpenOptions): Promise<Engine[]> {
  try {
    return await openAll([parseEngineSpec('native')], options);
  } catch (native) {
    if (codeOf(native) !== 'engine/missing') throw native;
    try {
      return await openAll(
        DEFAULT_IMAGES.map((image) => parseEngineSpec(`docker:${image}`)),
        options,
      );
    } catch (cause) {
      if (codeOf(cause) !== 'engine/missing') throw cause;
      throw new EngineError('engine/missing', 'there is no ClamAV to prove anything with', {
        cause,
        advice:
          'Nothing is published without a proof. Install ClamAV (Debian, Ubuntu: apt-get install clamav clamav-freshclam clamav-daemon), or start docker or podman so that it can pull ClamAV, or name engines with --engines',
      });
    }
  }
}

async function openAll(specs: readonly EngineSpec[], options: OpenOptions): Promise<Engine[]> {
  let program: Promise<ContainerProgram> | undefined;
  const containers = () => (program ??= prepare(options));
  const opened = await Promise.allSettled(specs.map((spec) => open(spec, options, containers)));
  const failed = opened.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

async function prepare({ path, environment, work }: OpenOptions): Promise<ContainerProgram> {
  const program = await findContainerProgram(path, environment?.services);
  await removeLeftContainers(program, work);
  return program;
}

async function open(
  spec: EngineSpec,
  { path, environment, work, log }: OpenOptions,
  containers: () => Promise<ContainerProgram>,
): Promise<Engine> {
  try {
    if (spec.kind === 'native') {
      const native = await findNativeEngine(path, environment?.tools);
      await requireUnconfined(native, work);
      return native;
    }
    const program = await containers();
    const engine =
      spec.kind === 'docker'
        ? await openImage(spec.image, { program, work, log })
        : await openContainer(spec.id, { program, work });
    return { name: spec.name, ...engine };
  } catch (cause) {
    const code = cause instanceof EngineError ? cause.code : 'engine/broken';
    throw new EngineError(code, `the engine ${spec.name} cannot be used`, { cause });
  }
}
