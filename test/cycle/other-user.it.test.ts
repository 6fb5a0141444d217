import { chownSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CycleReport } from '../../scripts/cycle/report.ts';
import type { Engine } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { proveWith } from '../../scripts/proof/prove.ts';
import { trusting } from '../support/clamav/engines.ts';
import { describeAsRoot, NOBODY, startOtherUser } from '../support/machine/other-user.ts';
import { tellingOwnSockets } from '../support/machine/own-sockets.ts';
import {
  describeMirror,
  namesIn,
  ofTest,
  published,
  startMirror,
  startPublished,
  type TestMirror,
} from '../support/mirror/cycle.ts';
import { everyNth } from '../support/sample.ts';

/** What somebody without rights may hope to have changed, removed or added to. */
interface Victim {
  readonly folder: string;
  requireUntouched(): Promise<void>;
}

async function startVictim(): Promise<Victim> {
  const folder = await mkdtemp(join(tmpdir(), 'victim-'));
  const names = ['.tmp-mine', 'a.log', 'manifest.json', 'test-4.cvd', 'test-5.cvd', 'test.cvd', 'timestamp'];
  for (const name of names) await writeFile(join(folder, name), `precious ${name}`);
  return {
    folder,
    async requireUntouched() {
      expect(await namesIn(folder)).toEqual(names);
      for (const name of names) expect(await readFile(join(folder, name), 'utf8')).toBe(`precious ${name}`);
      expect((await stat(folder)).uid).toBe(0);
    },
  };
}

function resultsOf({ proof }: CycleReport): unknown {
  return proof?.results.map(({ scenario, result }) => [scenario, result]);
}

describeAsRoot('another user of this machine', () => {
  describeMirror('while root syncs', () => {
    let mirror: TestMirror;
    let victim: Victim;
    beforeEach(async () => {
      mirror = await startPublished(5, 6);
      victim = await startVictim();
      await chmod(mirror.folder, 0o755);
    });
    afterEach(async () => {
      await mirror[Symbol.asyncDispose]();
      await rm(victim.folder, { recursive: true });
    });

    test('who made the work folder first is told of, and nothing is done', async () => {
      await rm(mirror.work, { recursive: true });
      await chmod(mirror.folder, 0o1777);
      await mkdir(mirror.work);
      for (const name of ['failed', 'run', 'copies']) await symlink(victim.folder, join(mirror.work, name));
      await symlink(join(victim.folder, 'made'), join(mirror.work, 'lock'));
      chownSync(mirror.work, NOBODY, NOBODY);
      mirror.upstream.forget();
      const { exitCode, stderr } = await mirror.syncCli();
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/mirror\.work belongs to somebody else \(owner 65534, .*mode 0755\)/);
      expect(mirror.upstream.requests).toEqual([]);
      expect((await mirror.sync()).error?.code).toBe('setting/unsafe-folder');
      await victim.requireUntouched();
    });

    test.each(['owns', 'may write to'])(
      'who %s the folder around is told of, and nothing is done',
      async (how) => {
        if (how === 'owns') chownSync(mirror.folder, NOBODY, NOBODY);
        else await chmod(mirror.folder, 0o777);
        const before = await published(mirror.store);
        expect((await mirror.syncCli()).exitCode).toBe(2);
        expect(await published(mirror.store)).toEqual(before);
      },
    );

    test.each(['.clamav-mirror', 'archive'])(
      'who owns the store and puts a link in the place of %s changes nothing outside',
      async (name) => {
        await rm(join(mirror.store, name), { recursive: true, force: true });
        await symlink(victim.folder, join(mirror.store, name));
        chownSync(mirror.store, NOBODY, NOBODY);
        expect((await mirror.sync()).outcome).toBe('failed');
        await victim.requireUntouched();
        expect((await stat(victim.folder)).mode & 0o777).toBe(0o700);
      },
    );

    test('who owns the store and exchanges all that is in it without end changes nothing outside', async () => {
      chownSync(mirror.store, NOBODY, NOBODY);
      await using _ = await startOtherUser(`
        const [store, victim] = ${JSON.stringify([mirror.store, victim.folder])};
        for (const name of ['.clamav-mirror', 'archive']) {
          const path = join(store, name);
          attempt(() => fs.renameSync(path, path + '-' + process.hrtime.bigint()));
          attempt(() => fs.symlinkSync(victim, path));
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
          attempt(() => fs.unlinkSync(path));
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
        }
        for (const name of ['manifest.json', 'test.cvd', 'timestamp', 'archive/test-5.cvd'])
          attempt(() => fs.symlinkSync(join(victim, name), join(store, name)));`);
      for (let round = 0; round < 10; round++)
        await mirror.sync({ flags: { resync: 'true' }, openProver: async () => trusting });
      await victim.requireUntouched();
    });

    test('who asks and writes to all that he can reach changes nothing', async () => {
      await using quiet = await startPublished(5, 6);
      const undisturbed = await quiet.sync();
      expect(undisturbed.outcome).toBe('published');
      const before = new Set(await readdir('/etc'));
      const places = [mirror.store, mirror.work, mirror.folder, tmpdir()];
      const sockets = join(mirror.folder, 'sockets.json');
      await using other = await startOtherUser(`
        const places = ${JSON.stringify(places)};
        const sockets = attempt(() => JSON.parse(fs.readFileSync(${JSON.stringify(sockets)}, 'utf8')));
        const { seen } = globalThis.done ??= { seen: new Set() };
        for (const port of sockets?.ports ?? []) {
          if (!seen.has(port)) console.log('saw a port');
          seen.add(port);
          for (const words of ['GET /test.cvd HTTP/1.0\\r\\n\\r\\n', 'zSHUTDOWN\\0', 'zRELOAD\\0'])
            net.connect(port, '127.0.0.1').on('error', () => {}).end(words);
        }
        for (const path of sockets?.paths ?? []) {
          if (path.includes('clamd') && !seen.has(path)) console.log('saw clamd');
          seen.add(path);
          net.connect(path).on('error', (error) => console.log(error.code)).on('connect', () => console.log('IN')).end('zSHUTDOWN\\0');
        }
        for (const place of places) {
          for (const name of attempt(() => fs.readdirSync(place)) ?? []) {
            if (!/^(clamav-|manifest|test|lock|state|run|failed|\\.clamav)/.test(name)) continue;
            if (place === ${JSON.stringify(tmpdir())} && !name.startsWith('clamav-')) continue; // of other tests
            const path = join(place, name);
            // in a folder for all, what was there a moment ago would else be made anew: as somebody's who is gone
            attempt(() => fs.writeFileSync(path, 'mine', { flag: place === ${JSON.stringify(tmpdir())} ? 'r+' : 'w' }));
            attempt(() => fs.writeFileSync(join(path, 'freshclam.conf'), 'OnUpdateExecute touch /etc/mine'));
            attempt(() => fs.renameSync(path, path + '.mine'));
            attempt(() => fs.symlinkSync('/etc', join(path, 'db')));
            if (attempt(() => fs.openSync(path, 'r')) !== undefined && name === 'lock') console.log('LOCK');
          }
        }
        await new Promise((resolve) => setTimeout(resolve, 10));`);
      const native = await findNativeEngine(process.env.PATH ?? '');
      const engine: Engine = {
        ...native,
        async start(task) {
          const program = await native.start(task);
          if (task.tool === 'clamd') await expect.poll(() => other.said()).toContain('saw clamd');
          return program;
        },
      };
      const openProver = async () => proveWith([engine], { now: () => new Date() });
      const report = await tellingOwnSockets(sockets, () => mirror.sync({ openProver }));
      expect(ofTest(report), JSON.stringify(report)).toMatchObject({ outcome: 'published', to: 6 });
      expect(resultsOf(report)).toEqual(resultsOf(undisturbed));
      expect(await published(mirror.store)).toEqual(await published(quiet.store));
      expect((await readdir('/etc')).filter((name) => !before.has(name))).toEqual([]);
      expect(other.said()).toContain('saw a port');
      expect(other.said()).not.toMatch(/IN|LOCK/);
    });
  });

  describeMirror('has a mirror himself', () => {
    test.each(everyNth(2, ['077', '022', '002']))('by a umask of %s', async (umask) => {
      await using mirror = await startMirror();
      await chmod(mirror.folder, 0o755);
      chownSync(mirror.folder, NOBODY, NOBODY);
      const shell = ['sh', '-c', `umask ${umask}; exec "$@"`, 'sh'];
      const wrapper = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ...shell];
      const { exitCode, stderr } = await mirror.syncCli([], { wrapper });
      expect(exitCode, stderr).toBe(0);
      expect((await stat(mirror.work)).mode & 0o777).toBe(0o700);
      expect((await stat(join(mirror.store, '.clamav-mirror'))).mode & 0o777).toBe(0o700);
      const served = (await stat(join(mirror.store, 'test.cvd'))).mode & 0o777;
      expect(served).toBe(0o644); // a web server reads it as somebody else
    });
  });
});
