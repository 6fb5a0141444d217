import { createHash, randomUUID } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { atExit } from '../at-exit.ts';
import { type Engine, EngineError, type Program, type Task, type ToolRun, withExitCode } from '../engine.ts';
import { toolIn } from '../memory-use.ts';
import { startProgram } from '../process.ts';
import { askEngine, ToolNotFound } from '../tools.ts';
import { type ContainerProgram, WITHOUT_PROXIES, withVariables } from './cli.ts';
import { foldersIn } from './container-folders.ts';
import { FORGET, LEADING, RUN, STOP } from './container-shell.ts';
import { inspectImage } from './local-image.ts';

/**
 * Opens an engine in a running container, which keeps running. Its tools run as root in a folder of ours that is
 * removed after them. `work` is the work folder. Throws `engine/missing`, `engine/broken`.
 */
export async function openContainer(
  name: string,
  options: { readonly program: ContainerProgram; readonly work: string },
): Promise<Omit<Engine, 'name'>> {
  const { program, work } = options;
  const { id, ...facts } = await findContainer(name, program);
  const root = `/tmp/clamav-mirror-${createHash('sha256').update(`${work}\0${name}`).digest('hex').slice(0, 16)}`;
  const execWith = (options: readonly string[], ...command: string[]) => [
    ...['exec', '--user=0:0', ...WITHOUT_PROXIES, ...options, id],
    ...command,
  ];
  const exec = (...command: string[]) => execWith([], ...command);
  // Removes leftovers of a killed run; the lock of the work folder shows that it is over.
  await program.command(exec('sh', '-c', `set -- "$0"/run-*; ${STOP} && rm -rf "$0"`, root));
  const folders = foldersIn(program, id, root);

  const start = async (task: Task): Promise<Program> => {
    if (task.nameserver !== undefined) {
      throw new EngineError('engine/broken', 'the nameserver of a running container cannot be changed');
    }
    const run = `${root}/run-${randomUUID()}`;
    const stop = exec('sh', '-c', STOP, 'sh', run);
    const forget = (...paths: readonly string[]) =>
      program.command(exec('sh', '-c', FORGET, root, run, ...paths));
    const cancel = atExit(() => {
      program.commandAtExit(stop);
      program.commandAtExit(exec('rm', '-rf', root));
    });
    const finish = async (): Promise<string> => {
      try {
        return await forget(...(await folders.leave(task.folder)));
      } catch (error) {
        await forget().catch(() => {}); // the first error tells more
        throw error;
      } finally {
        cancel();
      }
    };
    const verdict = async (ended: ToolRun): Promise<ToolRun> => {
      if (ended.exitCode === null) {
        // The client has ended, but the tool has not, unless the container was restarted and the client missed it.
        let code = '';
        const found = await program.command(stop).finally(async () => (code = await finish()));
        if (ended.timedOut && found === '' && code === '')
          throw new EngineError('engine/broken', `${task.tool} vanished from the container ${name}`);
        return ended;
      }
      const code = Number.parseInt(await finish(), 10);
      if (code === 127) throw new ToolNotFound(task.tool);
      if (Number.isNaN(code) || code === 126) {
        throw new EngineError(
          'engine/broken',
          `${task.tool} did not run: ${ended.output.trim().slice(-1000)}`,
        );
      }
      return withExitCode(ended, code);
    };
    try {
      await program.command(exec('mkdir', '-p', '-m', '700', root, run));
      const inside = await folders.enter(task.folder);
      const command = ['sh', '-c', LEADING, 'sh', RUN, run, inside, task.tool, ...task.args(inside)];
      const line = execWith(withVariables(task, inside), ...command);
      const client = await startProgram([program.path, ...line], {
        ...task,
        environment: program.environment,
        measured: toolIn(id, task.tool),
      });
      const ended = client.ended.then(verdict, async (error) => {
        await finish().catch(() => {});
        throw error;
      });
      ended.catch(() => {}); // a caller who waits gets the error
      return {
        ...client,
        ended,
        stop: async () => {
          await client.stop();
          return await ended;
        },
      };
    } catch (error) {
      await forget().catch(() => {}); // the first error tells more
      cancel();
      throw error;
    }
  };
  return { ...(await askEngine(start)), ...facts, databaseOwner: 'root', canAskNameserver: false, start };
}

interface Found extends Pick<Engine, 'hostAddress' | 'daemon' | 'image' | 'memory'> {
  readonly id: string;
}

async function findContainer(name: string, program: ContainerProgram): Promise<Found> {
  const answer = await program.command(['container', 'inspect', name]).catch((cause) => {
    throw new EngineError('engine/missing', `there is no container ${name}`, { cause });
  });
  const [
    { Id: id, State: state, HostConfig: config, NetworkSettings: network, Image: imageId, Config: own },
  ] = JSON.parse(answer);
  if (state.Running !== true) {
    throw new EngineError('engine/missing', `the container ${name} is not running`, {
      advice: `Start it: ${program.path} start ${name}`,
    });
  }
  const addresses = config.NetworkMode === 'host' ? LOOPBACK : bridged(network.Networks);
  const memory = Number(config.Memory) > 0 ? Number(config.Memory) : undefined; // 0 means no limit
  // somebody may have removed the image of a running container
  const image = await inspectImage(String(imageId), program, String(own?.Image)).catch(() => undefined);
  if (addresses !== undefined) return { id: String(id), image: image?.image, memory, ...addresses };
  throw new EngineError('engine/broken', `the container ${name} and this machine share no network`, {
    advice:
      'Run it on a bridge network of this machine or with --network=host. Or name its image: docker:IMAGE',
  });
}

const LOOPBACK = { hostAddress: '127.0.0.1', daemon: { address: '127.0.0.1' } };

/** Addresses on a bridge network, where this machine is the gateway. */
function bridged(networks: unknown): Pick<Engine, 'hostAddress' | 'daemon'> | undefined {
  const ours = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map(({ address }) => address),
  );
  for (const network of Object.values(Object(networks))) {
    const { Gateway: hostAddress, IPAddress: address } = Object(network);
    if (ours.includes(hostAddress) && address) return { hostAddress, daemon: { address } };
  }
  return undefined;
}
