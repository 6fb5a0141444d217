import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import type { LegacyKeys } from '../../scripts/cvd/keys.ts';
import type { ClamavPrograms } from '../../scripts/setup/install-clamav.ts';
import { type Run, run } from '../../scripts/setup/programs.ts';
import { rekeyPrograms } from '../support/clamav/rekey.ts';
import { KEY_HOLDERS, rekeyContainer } from '../support/clamav/rekey-container.ts';
import { docker, LABEL } from '../support/docker/docker-cli.ts';

/** Milliseconds; freshclam's own limits end sooner. */
const TIMEOUT = 60_000;

/** A real freshclam that trusts the tests' keys and runs in a folder of this machine. */
export interface Freshclam extends AsyncDisposable {
  /** `1.4.6` */
  readonly version: string;
  /** The user for `DatabaseOwner`. */
  readonly owner: string;
  run(args: readonly string[]): Promise<Run>;
}

/** The one of this machine. */
export async function nativeFreshclam(programs: ClamavPrograms, keys: LegacyKeys): Promise<Freshclam> {
  const { version, freshclam, sigtool } = programs;
  const rekeyed = await rekeyPrograms({ freshclam, sigtool }, keys);
  return {
    version,
    owner: userInfo().username,
    run: (args) =>
      run(['freshclam', ...args], { path: rekeyed.path, environment: process.env, timeout: TIMEOUT }),
    [Symbol.asyncDispose]: () => rekeyed[Symbol.asyncDispose](),
  };
}

/**
 * The one in a Docker image, in one container for all runs, which sees this machine's network and `folder`. `label` is
 * that of what the tests leave behind.
 */
export async function containerFreshclam(
  image: string,
  options: { readonly folder: string; readonly keys: LegacyKeys; readonly label: string },
): Promise<Freshclam> {
  const { folder, keys, label } = options;
  const name = `${LABEL}-soak-${randomUUID()}`;
  const places = ['--network=host', `--volume=${folder}:${folder}`, `--label=${LABEL}=${label}`];
  await docker('run', '--detach', '--name', name, ...places, image, 'sleep', '86400');
  const remove = async () => {
    await docker('rm', '--force', '--volumes', name);
  };
  try {
    await rekeyContainer(name, await docker('exec', name, 'sh', '-c', KEY_HOLDERS), keys);
    const said = await docker('exec', name, 'freshclam', '--version');
    return {
      version: /^ClamAV (\d[^/\s]*)/m.exec(said)?.[1] ?? said,
      owner: 'root',
      run: (args) =>
        run(['docker', 'exec', name, 'freshclam', ...args], {
          path: process.env.PATH,
          environment: process.env,
          timeout: TIMEOUT,
        }),
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
