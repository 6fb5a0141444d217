import { rm, symlink } from 'node:fs/promises';
import type { NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { type Engine, EngineError, readsSigns } from '../../engine/engine.ts';
import type { ConfOption } from '../../files/clamav-conf.ts';
import { makeTemporaryFolder } from '../../files/private-folder.ts';
import { freePort } from './clamd.ts';

/** Where a clamd listens, as it is told and as we find it. */
export interface DaemonPlace extends AsyncDisposable {
  /** Of clamd.conf. */
  readonly options: readonly ConfOption[];
  readonly address: NetConnectOpts;
}

/**
 * A place for a clamd with this folder. On TCP, clamd obeys anybody on the machine, SHUTDOWN too; so it gets a socket in a
 * folder of ours, if the engine shares folders with this machine. Throws `engine/broken`.
 */
export async function daemonPlace(engine: Engine, folder: string): Promise<DaemonPlace> {
  const { daemon } = engine;
  if ('address' in daemon) return await port(engine, daemon.address);
  const short = await makeTemporaryFolder('clamav-');
  const remove = () => rm(short, { recursive: true, force: true });
  try {
    const { inside } = daemon;
    if (inside === undefined) return socket(join(short, NAME), join(short, NAME), remove);
    const link = join(short, 'task'); // the folder's own name may be too long
    await symlink(folder, link);
    return socket(`${inside}/${NAME}`, join(link, NAME), async () => {
      await rm(join(link, NAME), { force: true });
      await remove();
    });
  } catch (error) {
    await remove();
    throw error;
  }
}

const NAME = 'clamd.socket';
/** What a socket's name may have of bytes (unix(7); 104 with its NUL on macOS). */
const LONGEST = 103;

function socket(told: string, path: string, remove: () => Promise<void>): DaemonPlace {
  if (Buffer.byteLength(path) > LONGEST) {
    throw new EngineError('engine/broken', `${path} is too long for the name of a socket`, {
      advice: 'Set TMPDIR to a folder with a shorter name, such as /tmp',
    });
  }
  const options: ConfOption[] = [
    ['LocalSocket', told],
    ['LocalSocketMode', 600],
  ];
  return { options, address: { path }, [Symbol.asyncDispose]: remove };
}

async function port(engine: Engine, host: string): Promise<DaemonPlace> {
  const free = await freePort();
  const options: ConfOption[] = [
    ['TCPSocket', free],
    ['TCPAddr', host],
  ];
  if (readsSigns(engine)) options.push(['EnableShutdownCommand', false]); // which ClamAV 1.5 has brought
  return { options, address: { host, port: free }, [Symbol.asyncDispose]: async () => {} };
}
