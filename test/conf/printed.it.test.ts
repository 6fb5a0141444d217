import { chmod, copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { mirrorLines } from '../../scripts/conf/freshclam-conf.ts';
import { MACHINE_NAMES } from '../../scripts/conf/machines.ts';
import { type Engine, readsSigns } from '../../scripts/engine/engine.ts';
import { confText, placeConf } from '../../scripts/files/clamav-conf.ts';
import { clamdAt } from '../../scripts/proof/clients/clamd.ts';
import { eicar } from '../../scripts/proof/samples/samples.ts';
import { shell } from '../../scripts/setup/shell.ts';
import { publishedMirror } from '../probe/support.ts';
import { type Clamav15, clamav15 } from '../support/clamav-15/clamav-15.ts';
import { describeWithClamav15 } from '../support/clamav-15/part.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { docker } from '../support/docker/of-this-run.ts';
import { runCli } from '../support/mirror/cli.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { describeWith, have, official } from '../support/setup/official.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';
import { signedMirror, TestSigner } from '../support/sign/signed-mirror.ts';
import { freePort } from '../support/web/ports.ts';
import { startSquid } from '../support/web/squid.ts';
import { isRealFrom15, REAL_FROM_15 } from './real-15.ts';
import { configured, engineOf, startPrintedClient, startSeenHost, textOf } from './support.ts';

const squid = inject('squid');
const clamdscan = inject('clamdscan');
const $ = shell({ environment: process.env });
/** Where nobody listens. */
const DEAD = 'http://127.0.0.1:1';

describeMirror('a configuration as client-config prints it', () => {
  let mirror: TestMirror;
  let native: Engine;
  beforeAll(async () => {
    mirror = await publishedMirror();
    native = await engineOf('native');
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  /** What a real freshclam has after one run with it, and what it said. */
  async function updatedBy(text: string, engine = native) {
    await using client = await startPrintedClient(engine);
    const { output } = await client.freshclam(text);
    return { has: await client.has(), output };
  }

  test.each(MACHINE_NAMES)('leads freshclam to the mirror: %s', async (machine) => {
    await using host = await startSeenHost(mirror.store, native);
    const { has, output } = await updatedBy(
      textOf(await configured([host.url], { for: machine }), 'freshclam.conf'),
    );
    expect(has, output).toBe('test.cvd 6');
  });

  test('takes a client that is behind to the newest version by CDIFFs', async () => {
    await using host = await startSeenHost(mirror.store, native);
    await using client = await startPrintedClient(native);
    await client.plant(1, official('test-1.cvd'));
    await client.freshclam(textOf(await configured([host.url]), 'freshclam.conf'));
    expect(await client.has()).toBe('test.cld 6');
  });

  test('tries one mirror after the other, and asks the second which databases there are', async () => {
    await using host = await startSeenHost(mirror.store, native);
    const report = await configured([DEAD, host.url]);
    expect(report.asked).toBe(host.url);
    const text = textOf(report, 'freshclam.conf');
    expect(text).toMatch(new RegExp(`DatabaseMirror ${DEAD}\nDatabaseMirror ${host.url}\n`));
    const { has, output } = await updatedBy(text.replace(/^MaxAttempts .*$/m, 'MaxAttempts 1')); // 5 s between two
    expect(has, output).toBe('test.cvd 6');
  });

  test('is the same on the status page', async () => {
    await using host = await startSeenHost(mirror.store, native);
    const lines = confText(mirrorLines({ mirrors: [host.url], databases: ['test'], record: undefined }));
    expect(textOf(await configured([host.url]), 'freshclam.conf')).toContain(lines);
    const { has, output } = await updatedBy(`${lines}DatabaseOwner clamav\nMaxAttempts 1\n`);
    expect(has, output).toBe('test.cvd 6');
  });

  describeWith(squid)('with a squid', () => {
    test('leads through a proxy with a user and password, each request in a tunnel of its own', async ({
      skip,
    }) => {
      skip(readsSigns(native), 'it asks for more, and a stand-in for 1.5 in a way of its own');
      await using proxy = await startSquid(have(squid), { rules: ['http_access allow localhost'] });
      await using host = await startSeenHost(mirror.store, native);
      const address = proxy.url.replace('//', '//me:p%20s@');
      const report = await configured(
        [host.url],
        { databases: 'test' },
        { CLAMAV_MIRROR_CLIENT_PROXY: address },
      );
      host.requests.length = 0;
      const { has, output } = await updatedBy(textOf(report, 'freshclam.conf'));
      expect(has, output).toBe('test.cvd 6');
      const log = await proxy.log();
      expect(log.map((line) => line.split(' ')[1])).toEqual(host.requests.map(() => 'CONNECT'));
      expect(host.requests).toHaveLength(2);
    });
  });

  describeWithImages('oldest')('and ClamAV 0.103', () => {
    test.each(['DatabaseMirror', 'PrivateMirror'])('leads it there: %s', async (way) => {
      const oldest = await engineOf(`docker:${image('oldest')}`);
      await using host = await startSeenHost(mirror.store, oldest);
      const flags = { for: 'docker', oldest: '0.103', private: String(way === 'PrivateMirror') };
      const { has, output } = await updatedBy(
        textOf(await configured([host.url], flags), 'freshclam.conf'),
        oldest,
      );
      expect(has, output).toBe('test.cvd 6');
    });

    test('ends at a line of 1.5, as the comment above it says', async () => {
      const oldest = await engineOf(`docker:${image('oldest')}`);
      const report = await configured([DEAD], { offline: 'true', fips: 'true' });
      const text = textOf(report, 'freshclam.conf');
      expect(text).toContain(
        '# ClamAV 1.5 and later: an earlier one ends with an error at the next line\nFIPS',
      );
      for (const engine of [oldest, native]) {
        if (readsSigns(engine)) continue;
        expect((await updatedBy(text, engine)).output).toMatch(/Unknown option FIPSCryptoHashLimits/);
      }
    });
  });

  describeWithOpenssl('and .sign files', () => {
    describeWithClamav15('of 1.5', () => {
      let signer: TestSigner;
      let signed: TestMirror;
      let engine15: Clamav15;
      beforeAll(async () => {
        signer = new TestSigner();
        engine15 = await clamav15({ roots: signer.trust.roots });
        signed = await signedMirror(signer, 6);
      });
      afterAll(async () => {
        await signed[Symbol.asyncDispose]();
        await engine15[Symbol.asyncDispose]();
        signer[Symbol.dispose]();
      });

      test('holds it to FIPS limits: it takes a CVD with its .sign, and none without', async ({ skip }) => {
        skip(isRealFrom15(), REAL_FROM_15);
        const engine = await engineOf('native', engine15.path);
        for (const [store, has] of [
          [signed.store, 'test.cvd 6'],
          [mirror.store, undefined],
        ] as const) {
          await using host = await startSeenHost(store, engine);
          const report = await configured([host.url], { fips: 'true', oldest: '1.5' });
          const text = textOf(report, 'freshclam.conf').replace(/^MaxAttempts .*$/m, 'MaxAttempts 1');
          const found = await updatedBy(text, engine);
          expect(found.has, found.output).toBe(has);
        }
      });
    });
  });

  describe('for clamd', () => {
    /** Lets a real clamd run with it, and asks it by `ask`. Only folders, the port and its address are of this machine. */
    async function withClamd(machine: string, ask: (folder: string, port: number) => Promise<void>) {
      await using client = await startPrintedClient(native);
      const { folder } = client;
      await chmod(folder, 0o777); // clamd becomes another user
      await copyFile(official('test-6.cvd'), join(folder, 'db', 'test.cvd'));
      const port = await freePort();
      const here = (text: string) =>
        text
          .replace(/^DatabaseDirectory .*$/m, `DatabaseDirectory ${folder}/db`)
          .replace(/^LocalSocket .*$/m, `LocalSocket ${folder}/clamd.sock`)
          .replace(/^TCPSocket .*$/m, `TCPSocket ${port}`)
          .replace(/^TCPAddr .*$/m, 'TCPAddr 127.0.0.1');
      const report = await configured([DEAD], { for: machine, offline: 'true' });
      for (const { name, text } of report.confs) await placeConf(join(folder, name), here(text), 0o644);
      const clamd = await native.start({
        ...{ tool: 'clamd', folder, timeout: 60_000 },
        args: (at) => [`--config-file=${at}/clamd.conf`, '--foreground'],
      });
      try {
        const address =
          machine === 'debian' ? { path: join(folder, 'clamd.sock') } : { host: '127.0.0.1', port };
        const answers = clamdAt(address, 60_000);
        let over = false;
        void clamd.ended.then(() => {
          over = true;
        });
        while ((await answers.ping().catch(() => '')) !== 'PONG') {
          if (over) throw new Error(clamd.output());
          await wait(20);
        }
        await ask(folder, port);
      } finally {
        await clamd.stop();
      }
    }

    test('lets members of a group ask it by a socket: debian', async () => {
      await withClamd('debian', async (folder) => {
        const clamd = clamdAt({ path: join(folder, 'clamd.sock') }, 60_000);
        expect(await clamd.scan(Buffer.from(eicar()))).toBe('stream: Eicar-Test-Signature FOUND');
        expect((await stat(join(folder, 'clamd.sock'))).mode & 0o777).toBe(0o660);
      });
    });

    test('is not heard elsewhere: windows', async () => {
      await withClamd('windows', async (_, port) => {
        const clamd = clamdAt({ host: '127.0.0.1', port }, 60_000);
        expect(await clamd.scan(Buffer.from('nothing'))).toBe('stream: OK');
      });
      const report = await configured([DEAD], { for: 'windows', offline: 'true' });
      expect(textOf(report, 'clamd.conf')).toContain('\nTCPAddr 127.0.0.1\n');
    });

    describeWith(clamdscan)('and clamdscan', () => {
      test('lets a pod scan over TCP, with the clamdscan.conf beside it: kubernetes', async () => {
        await withClamd('kubernetes', async (folder) => {
          const scanned = join(folder, 'scanned');
          await mkdir(scanned);
          await writeFile(join(scanned, 'eicar.com'), eicar());
          await writeFile(join(scanned, 'clean'), 'nothing');
          const conf = `--config-file=${folder}/clamdscan.conf`;
          const { stdout, exitCode } =
            await $`${have(clamdscan)} ${conf} --stream ${scanned}/eicar.com ${scanned}/clean`.nothrow();
          expect(exitCode, stdout).toBe(1);
          expect(stdout).toMatch(/eicar\.com: Eicar-Test-Signature FOUND/);
          expect(stdout).toMatch(/clean: OK/);
        });
      });

      test('hears of an update by NotifyClamd, without a restart: kubernetes', async () => {
        await using host = await startSeenHost(mirror.store, native);
        const report = await configured([host.url], { for: 'kubernetes' });
        await withClamd('kubernetes', async (folder) => {
          await using client = await startPrintedClient(native);
          const text = textOf(report, 'freshclam.conf').replace(
            '/etc/clamav/clamd.conf',
            `${folder}/clamd.conf`,
          );
          expect((await client.freshclam(text)).output).toContain(
            'Clamd successfully notified about the update',
          );
        });
      });
    });

    describeWithImages('oldest')('of ClamAV 0.103', () => {
      test.each(MACHINE_NAMES)('has no line that it does not know: %s', async (machine) => {
        await using client = await startPrintedClient(native);
        const report = await configured([DEAD], { for: machine, offline: 'true', oldest: '0.103' });
        await chmod(client.folder, 0o755);
        await placeConf(
          join(client.folder, 'clamd.conf'),
          textOf(report, report.confs[1]?.name ?? ''),
          0o644,
        );
        const volume = `--volume=${client.folder}:/conf:ro`;
        const reader = [image('oldest'), 'clamconf', '--config-dir=/conf'];
        const stdout = await docker('run', '--rm', '--network=none', volume, ...reader);
        const [, section = ''] = /Config file: clamd\.conf\n-+\n([\s\S]*?)\n\n/.exec(stdout) ?? [];
        expect(section).toContain('StreamMaxLength = "104857600"');
        expect(stdout).not.toMatch(/Unknown option|ERROR/);
      });
    });
  });

  test('holds passwords in a file of its owner alone, and shows them nowhere', async () => {
    await using client = await startPrintedClient(native);
    const into = join(client.folder, 'made');
    const args = ['client-config', 'http://me:f1rst@mirror.example', '--for', 'debian', '--offline'];
    const environment = { CLAMAV_MIRROR_CLIENT_PROXY: 'http://me:s3cond@proxy.example:3128' };
    const wrapper = ['sh', '-c', 'umask 077; exec "$@"', 'sh'];
    for (const more of [[], ['--json'], ['--into', into]]) {
      const { exitCode, stdout, stderr } = await runCli([...args, ...more], { environment, wrapper });
      expect({ exitCode, told: /f1rst|s3cond/.test(stdout + stderr) }).toEqual({ exitCode: 0, told: false });
    }
    const text = await readFile(join(into, 'freshclam.conf'), 'utf8');
    expect(text).toMatch(/\/\/me:f1rst@mirror[\s\S]*HTTPProxyPassword s3cond/);
    const modes = ['freshclam.conf', 'clamd.conf'].map(
      async (name) => (await stat(join(into, name))).mode & 0o777,
    );
    expect(await Promise.all(modes)).toEqual([0o600, 0o644]);
  });
});
