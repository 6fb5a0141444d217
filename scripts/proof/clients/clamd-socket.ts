import { rm, symlink } from 'node:fs/promises';
import type { NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { type Engine, EngineError, readsSigns } from '../../engine/engine.ts';
import type { ConfOption } from '../../files/clamav-conf.ts';
import { makeTemporaryFolder } from '../../files/private-folder.ts';
import { freePort } from './clamd.ts';

/** Address of a clamd, for its configuration and for our connection. */
export interface DaemonPlace extends AsyncDisposable {
  /** Options for clamd.conf. */
  readonly options: readonly ConfOption[];
  readonly address: NetConnectOpts;
}

/**
 * Finds an address for a clamd with this folder. On TCP, clamd obeys anybody on the machine, even SHUTDOWN. So it gets
 * a socket in a folder of ours, if the engine shares folders with this machine. Throws `engine/broken`.
 */
export async function daemonPlace(engine: Engine, folder: string): Promise<DaemonPlace> {
  const { daemon } = engine;
  if ('address' in daemon) return await port(engine, daemon.address);
  const short = await makeTemporaryFolder('clamav-');
  const remove = () => rm(short, { recursive: true, force: true });
  try {
    const { inside } = daemon;
    if (inside === undefined) return socket(join(short, SOCKET_NAME), join(short, SOCKET_NAME), remove);
    const link = join(short, 'task'); // the path of the folder itself may be too long
    await symlink(folder, link);
    return socket(`${inside}/${SOCKET_NAME}`, join(link, SOCKET_NAME), async () => {
      await rm(join(link, SOCKET_NAME), { force: true });
      await remove();
    });
  } catch (error) {
    await remove();
    throw error;
  }
}

const SOCKET_NAME = 'clamd.socket';
/** Bytes of the longest path of a socket (unix(7); 104 with its NUL on macOS). */
const PATH_SIZE = 103;

function socket(told: string, path: string, remove: () => Promise<void>): DaemonPlace {
  if (Buffer.byteLength(path) > PATH_SIZE) {
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
  if (readsSigns(engine)) options.push(['EnableShutdownCommand', false]); // new in ClamAV 1.5
  return { options, address: { host, port: free }, [Symbol.asyncDispose]: async () => {} };
}
