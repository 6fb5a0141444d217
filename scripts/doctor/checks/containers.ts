import { codeOf } from '../../base/errors.ts';
import { findContainerProgram } from '../../engine/docker/cli.ts';
import { findProgram } from '../../files/find-program.ts';
import type { DoctorContext } from '../context.ts';
import { badBy, good, type Seen } from '../finding.ts';

/** The engine for containers that the settings need: docker or podman. */
export async function checkContainers({ programs }: Pick<DoctorContext, 'programs'>): Promise<Seen> {
  const { path, environment } = programs;
  try {
    const { command } = await findContainerProgram(path, environment.services);
    return good(`${(await command(['--version'])).trim()} answers`);
  } catch (error) {
    if (codeOf(error) !== 'engine/missing') throw error;
    return badBy(error, adviceOn(String(Object(error).cause), await isInstalled(path)));
  }
}

async function isInstalled(path: string): Promise<boolean> {
  const found = await Promise.all(['docker', 'podman'].map((name) => findProgram(name, path, USUAL_PLACES)));
  return found.some((program) => program !== undefined);
}

const USUAL_PLACES = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin', '/snap/bin'];

function adviceOn(said: string, installed: boolean): string {
  if (!installed)
    return 'Install one (Debian, Ubuntu: apt-get install podman), or use the ClamAV of this machine: --engines native';
  if (/permission denied/i.test(said))
    return 'Let this user use it, then log in anew: sudo usermod -aG docker "$USER"';
  return 'Start it: sudo systemctl start docker';
}
