import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { labelOf } from '../../scripts/engine/docker/image.ts';
import { type Engine, run } from '../../scripts/engine/engine.ts';
import { openEngines } from '../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { writeConf } from '../../scripts/files/clamav-conf.ts';
import { clamdAt } from '../../scripts/proof/clients/clamd.ts';
import { daemonPlace } from '../../scripts/proof/clients/clamd-socket.ts';
import { startNameserver } from '../../scripts/proof/clients/nameserver.ts';
import { eicar } from '../../scripts/proof/samples/samples.ts';
import { fLevelOf, updateTo6 } from '../proof/engines/in-containers.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { docker } from '../support/docker/of-this-run.ts';
import { everyNth } from '../support/sample.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';
import { freePort } from '../support/web/ports.ts';

const PATH = process.env.PATH ?? '';
const IMAGES = ['newest', 'older', 'oldest'] as const;
const EXTREMES = ['newest', 'oldest'] as const;
/** A bridge network of our own, as GitHub's service containers have it. */
const NETWORK = `clamav-mirror-test-${process.pid}`;

describeWithOfficial("with Talos' databases", () => {
  describeWithImages(...IMAGES)('engines in containers', () => {
    let work: string;
    /** A running container of each image, and of the first one. */
    const containers = new Map<string, string>();
    let container: string;
    beforeAll(async () => {
      work = await mkdtemp(join(tmpdir(), 'containers work: a,b '));
      await docker('network', 'create', NETWORK);
      for (const name of IMAGES) containers.set(name, await runContainer(image(name)));
      container = containers.get('newest') ?? '';
    });
    afterAll(async () => {
      try {
        expect(await containersOf(work)).toEqual([]);
        for (const id of containers.values()) expect(await left(id)).toEqual({ processes: [], files: '' });
      } finally {
        for (const id of containers.values()) await docker('rm', '--force', '--volumes', id);
        await docker('network', 'rm', NETWORK);
        await rm(work, { recursive: true });
      }
    });

    const open = async (spec: string, path = PATH): Promise<Engine> => {
      const [engine] = await openEngines([parseEngineSpec(spec)], { path, work, log: SILENT });
      if (engine === undefined) throw new Error('no engine');
      return engine;
    };
    const specOf = (kind: string, name: (typeof IMAGES)[number]) =>
      kind === 'docker' ? `docker:${image(name)}` : `container:${containers.get(name)}`;
    /** A client's folder with this version of `test` in `db`; its name is as awkward as names get. */
    const clientFolder = async (version: number): Promise<string> => {
      const folder = await mkdtemp(join(work, 'client a:b,"c" '));
      await mkdir(join(folder, 'db'));
      await copyFile(official(`test-${version}.cvd`), join(folder, 'db', 'test.cvd'));
      return folder;
    };
    const startClamd = async (engine: Engine, folder: string, timeout = 120_000) => {
      const place = await daemonPlace(engine, folder);
      onTestFinished(() => place[Symbol.asyncDispose]());
      await writeConf(join(folder, 'clamd.conf'), [
        ...place.options,
        ['Foreground', true],
        ['LogTime', true],
      ]);
      const program = await engine.start({
        tool: 'clamd',
        folder,
        args: (at) => [`--config-file=${at}/clamd.conf`, `--datadir=${at}/db`, `--log=${at}/clamd.log`],
        timeout,
      });
      return { program, clamd: clamdAt(place.address, 5000) };
    };

    test('say their version and functionality level, several at once', async () => {
      const specs = IMAGES.flatMap((name) => [specOf('docker', name), specOf('container', name)]);
      const engines = await openEngines(specs.map(parseEngineSpec), { path: PATH, work, log: SILENT });
      expect(engines.map(({ name }) => name)).toEqual(specs);
      for (const engine of engines) {
        expect(engine.fLevel).toEqual(fLevelOf(engine.version));
        expect([...engine.tools].sort()).toEqual(['clamd', 'clamscan', 'freshclam']);
      }
    });

    describe.each(['docker', 'container'])('as %s', (kind) => {
      test.each(everyNth(2, kind === 'docker' ? EXTREMES : EXTREMES.toReversed()))(
        '%s: clamd lives on while freshclam updates its folder, reloads, and dies when it is stopped',
        async (name) => {
          const engine = await open(specOf(kind, name));
          const folder = await clientFolder(5);
          const { program, clamd } = await startClamd(engine, folder);
          try {
            await expect.poll(() => clamd.ping().catch(String), { timeout: 30_000 }).toBe('PONG');
            await updateTo6(engine, folder);
            expect(await clamd.reload()).toBe('RELOADING');
            await expect
              .poll(() => program.output(), { timeout: 30_000 })
              .toMatch(/Database correctly reloaded/);
            expect(await clamd.scan(Buffer.from(eicar()))).toMatch(/Eicar.*FOUND/);
            expect(await clamd.ping()).toBe('PONG');
          } finally {
            expect(await program.stop()).toMatchObject({ exitCode: null, timedOut: false });
          }
          await expect(clamd.ping()).rejects.toThrow();
          const log = await readFile(join(folder, 'clamd.log'), 'utf8');
          expect(log).toMatch(/Database correctly reloaded/); // the same file from first to last
        },
      );

      test('a tool that removes a file leaves a folder without it', async () => {
        const engine = await open(specOf(kind, 'newest'));
        const folder = await clientFolder(6);
        await writeFile(join(folder, 'sample'), eicar());
        const ended = await run(engine, {
          tool: 'clamscan',
          folder,
          args: (at) => [`--database=${at}/db`, '--remove=yes', `${at}/sample`],
          timeout: 60_000,
        });
        expect(ended).toMatchObject({ exitCode: 1, timedOut: false });
        expect(ended.output).toMatch(/sample: Eicar-Test-Signature FOUND/);
        await expect(readFile(join(folder, 'sample'))).rejects.toMatchObject({ code: 'ENOENT' });
        expect(await readFile(join(folder, 'db', 'test.cvd'))).toEqual(
          await readFile(official('test-6.cvd')),
        );
      });

      test('a tool that fails is a result', async () => {
        const engine = await open(specOf(kind, 'newest'));
        const folder = await clientFolder(6);
        const ended = await run(engine, {
          tool: 'clamscan',
          folder,
          args: () => ['--what'],
          timeout: 60_000,
        });
        expect(ended).toMatchObject({ exitCode: 2, timedOut: false });
      });

      test('a tool whose time is up is killed inside the container', async () => {
        const engine = await open(specOf(kind, 'newest'));
        const { program } = await startClamd(engine, await clientFolder(6), 1500);
        expect(await program.ended).toMatchObject({ exitCode: null, timedOut: true });
        expect(await containersOf(work)).toEqual([]);
        expect(await left(container)).toEqual({ processes: [], files: '' });
      });

      test('a tool ends with the process that started it', async () => {
        const child = await startElsewhere(work, specOf(kind, 'newest'), await clientFolder(6));
        expect(await somethingRuns(kind)).toBe(true);
        child.kill('SIGTERM'); // on which it exits
        await once(child, 'exit');
        expect(await somethingRuns(kind)).toBe(false);
      });

      test('what a killed process left is removed by the next one that opens the engine', async () => {
        const child = await startElsewhere(work, specOf(kind, 'newest'), await clientFolder(6));
        child.kill('SIGKILL');
        await once(child, 'exit');
        expect(await somethingRuns(kind)).toBe(true);
        await open(specOf(kind, 'newest'));
        expect(await somethingRuns(kind)).toBe(false);
        expect(await left(container)).toEqual({ processes: [], files: '' });
      });

      const somethingRuns = async (kind: string) =>
        kind === 'docker'
          ? (await containersOf(work)).length > 0
          : (await left(container)).processes.length > 0;

      test('an engine without clamd says so, and one without clamscan is broken', async () => {
        const id = await runContainer(image('newest'));
        const tag = `clamav-mirror-test:without-${process.pid}`;
        const spec = async () => {
          if (kind === 'container') return `container:${id}`;
          await docker('commit', id, tag);
          return `docker:${tag}`;
        };
        try {
          await docker('exec', id, 'rm', '/usr/sbin/clamd');
          const engine = await open(await spec());
          expect([...engine.tools].sort()).toEqual(['clamscan', 'freshclam']);
          await docker('exec', id, 'rm', '/usr/bin/clamscan');
          await expect(open(await spec())).rejects.toMatchObject({ code: 'engine/broken' });
        } finally {
          await docker('rm', '--force', '--volumes', id);
          if (kind === 'docker') await docker('rmi', '--force', tag);
        }
      });
    });

    test('an image asks the nameserver of the task', async () => {
      const engine = await open(specOf('docker', 'newest'));
      const folder = await clientFolder(5);
      const asked: string[] = [];
      await using nameserver = await startNameserver(new Map(), (name) => asked.push(name));
      const lines = [
        'DatabaseMirror http://127.0.0.1:1',
        'DNSDatabaseInfo our.example',
        'MaxAttempts 1', // else it waits ten seconds between three
        'DatabaseOwner root',
        '',
      ];
      await writeFile(join(folder, 'freshclam.conf'), lines.join('\n'));
      await run(engine, {
        tool: 'freshclam',
        folder,
        args: (at) => [`--config-file=${at}/freshclam.conf`, `--datadir=${at}/db`, '--update-db=test'],
        nameserver: nameserver.address,
        timeout: 60_000,
      });
      expect(asked).toContain('our.example');
    });

    test('a container whose engine is lost during a run is broken, not a result', async () => {
      const inImage = await startClamd(await open(specOf('docker', 'newest')), await clientFolder(6));
      const [lost = ''] = await containersOf(work);
      await docker('rm', '--force', '--volumes', lost);
      await expect(inImage.program.ended).rejects.toMatchObject({ code: 'engine/broken' });

      const id = await runContainer(image('newest'));
      try {
        const engine = await open(`container:${id}`);
        const inContainer = await startClamd(engine, await clientFolder(6), 60_000); // docker may miss a restart
        // a tool that docker has not started yet would start after the restart, and nothing of it would be lost
        await expect.poll(inContainer.program.output, { timeout: 60_000 }).toContain('Self checking');
        await docker('restart', '--time=0', id);
        await expect(inContainer.program.ended).rejects.toMatchObject({ code: 'engine/broken' });
        await docker('stop', '--time=0', id);
        await expect(startClamd(engine, await clientFolder(6))).rejects.toMatchObject({
          code: 'engine/broken',
        });
        await expect(open(`container:${id}`)).rejects.toMatchObject({ code: 'engine/missing' });
      } finally {
        await docker('rm', '--force', '--volumes', id);
      }
    });

    test('a container that was restarted is broken when the time is up, though docker missed the restart', async () => {
      const id = await runContainer(image('newest'));
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const engine = await open(`container:${id}`, await deafDocker(work));
        const limit = 600_000;
        const { program } = await startClamd(engine, await clientFolder(6), limit);
        await vi.waitUntil(() => program.output().includes('Self checking'), { timeout: 60_000 });
        await docker('restart', '--time=0', id);
        vi.advanceTimersByTime(limit);
        await expect(program.ended).rejects.toMatchObject({ code: 'engine/broken' });
      } finally {
        vi.useRealTimers();
        await docker('rm', '--force', '--volumes', id);
      }
    });

    test('an image that vanishes after it was opened is broken', async () => {
      const tag = `clamav-mirror-test:vanishing-${process.pid}`;
      const id = await runContainer(image('newest'));
      await docker('commit', id, tag);
      await docker('rm', '--force', '--volumes', id);
      const engine = await open(`docker:${tag}`);
      await docker('rmi', '--force', tag);
      await expect(startClamd(engine, await clientFolder(6))).rejects.toMatchObject({
        code: 'engine/broken',
      });
    });

    test.each(['docker:clamav-mirror-test:never-built', 'container:clamav-mirror-test-never-run'])(
      '%s is missing, and the error says so',
      async (spec) => {
        const message = expect.stringContaining(spec);
        await expect(open(spec)).rejects.toMatchObject({ code: 'engine/missing', message });
      },
    );

    test('a container on a network that this machine is not on is broken', async () => {
      const id = await docker('run', '--detach', '--network=none', image('newest'), 'sleep', '600');
      await expect(open(`container:${id}`)).rejects.toMatchObject({ code: 'engine/broken' });
      await docker('rm', '--force', '--volumes', id);
    });

    test('a container on the network of this machine is reached over loopback', async () => {
      const id = await docker('run', '--detach', '--network=host', image('newest'), 'sleep', '600');
      const engine = await open(`container:${id}`);
      expect(engine).toMatchObject({ hostAddress: '127.0.0.1', daemon: { address: '127.0.0.1' } });
      await updateTo6(engine, await clientFolder(5));
      await docker('rm', '--force', '--volumes', id);
    });

    test('where docker does not answer podman does, and without both engines are missing', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'programs-')); // no PATH has room for a colon
      const fake = async (name: string, body: string) => {
        await writeFile(join(folder, name), `#!/bin/sh\n${body}\n`);
        await chmod(join(folder, name), 0o755);
      };
      const path = `${folder}:${PATH}`;
      await fake('docker', 'echo "Cannot connect to the Docker daemon" >&2; exit 1');
      await fake('podman', `PATH='${PATH}' exec docker "$@"`);
      expect(await open(specOf('docker', 'newest'), path)).toMatchObject({ fLevel: expect.any(Number) });
      await fake('podman', 'exit 1');
      await expect(open(specOf('docker', 'newest'), path)).rejects.toMatchObject({
        code: 'engine/missing',
        message: expect.stringContaining(specOf('docker', 'newest')),
      });
      await rm(folder, { recursive: true });
    });

    test('nothing is left of a pull that fails for one of several engines', async () => {
      const specs = [
        specOf('docker', 'newest'),
        'docker:clamav-mirror-test:never-built',
        specOf('container', 'newest'),
      ];
      const opening = openEngines(specs.map(parseEngineSpec), { path: PATH, work, log: SILENT });
      await expect(opening).rejects.toMatchObject({ code: 'engine/missing' });
      expect(await containersOf(work)).toEqual([]);
      expect(await left(container)).toEqual({ processes: [], files: '' });
    });
  });
});

async function runContainer(tag: string): Promise<string> {
  return await docker('run', '--detach', `--network=${NETWORK}`, tag, 'sleep', '6000');
}

/** A PATH with a docker whose client stays when a clamd in a container has ended. */
async function deafDocker(work: string): Promise<string> {
  const folder = await mkdtemp(join(work, 'programs'));
  const script = `#!/bin/sh\nPATH='${PATH}' docker "$@"\ncode=$?\ncase "$*" in *clamd.conf*) exec sleep 6000 ;; esac\nexit $code\n`;
  await writeFile(join(folder, 'docker'), script, { mode: 0o755 });
  return `${folder}:${PATH}`;
}

async function containersOf(work: string): Promise<string[]> {
  const ids = await docker('ps', '--all', '--quiet', `--filter=label=${labelOf(work)}`);
  return ids.split('\n').filter((id) => id !== '');
}

/** What runs and lies in a container that only sleeps. */
async function left(id: string): Promise<{ processes: string[]; files: string }> {
  const top = await docker('top', id, '-eo', 'pid,args');
  const processes = top
    .split('\n')
    .slice(1)
    .filter((line) => !/^\s*\d+\s+(sleep|.*\/init sleep) 6000$/.test(line));
  return { processes, files: await docker('exec', id, 'ls', '-A', '/tmp') };
}

/** A process that has a clamd running in an engine. It exits on SIGTERM. */
async function startElsewhere(work: string, spec: string, folder: string) {
  const module = (name: string) => JSON.stringify(join(import.meta.dirname, '..', '..', 'scripts', name));
  await writeFile(
    join(folder, 'clamd.conf'),
    `Foreground yes\nTCPAddr 127.0.0.1\nTCPSocket ${await freePort()}\n`,
  );
  const script = `
    import { openEngines } from ${module('engine/open.ts')};
    import { parseEngineSpec } from ${module('engine/spec.ts')};
    import { SILENT } from ${module('base/log.ts')};
    process.once('SIGTERM', () => process.exit(1));
    const [spec, work, folder] = process.argv.slice(1);
    const [engine] = await openEngines([parseEngineSpec(spec)], { path: process.env.PATH, work, log: SILENT });
    const args = (at) => ['--config-file=' + at + '/clamd.conf', '--datadir=' + at + '/db'];
    const program = await engine.start({ tool: 'clamd', folder, args, timeout: 60_000 });
    while (!/Self checking/.test(program.output())) await new Promise((resolve) => setTimeout(resolve, 50));
    console.log('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, spec, work, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  expect(child.exitCode).toBe(null);
  return child;
}
