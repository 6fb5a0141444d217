import { chmod, copyFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { helmPart, kustomized, type Resource } from '../support/kit/helm.ts';
import { closePods, describeWithPods, playable, pod, pods } from '../support/kit/pods.ts';
import { REPOSITORY } from '../support/repository.ts';
import { describeWith, describeWithOfficial, official } from '../support/setup/official.ts';

const KIT = join(REPOSITORY, 'site', 'kubernetes');
/** A busy machine takes its time. */
const SOON = { timeout: 120_000 };
const DATABASES = ['main', 'daily', 'bytecode'];

/** Resources of the kit with the database `test` in the place of ClamAV's large ones, and clamd that looks more often. */
async function ofKit(folder: string): Promise<Resource[]> {
  const change = (data: Record<string, string>) => ({
    ...data,
    ...(data.CLAMAV_MIRROR_DATABASES !== undefined && {
      CLAMAV_MIRROR_DATABASES: 'test',
      CLAMAV_MIRROR_UPSTREAM: 'http://upstream:8080',
    }),
    ...(data['freshclam.conf'] !== undefined && {
      'freshclam.conf': [
        data['freshclam.conf'],
        ...DATABASES.map((name) => `ExcludeDatabase ${name}`),
        'ExtraDatabase test',
        '',
      ].join('\n'),
      'clamd.conf': (data['clamd.conf'] ?? '').replace('SelfCheck 600', 'SelfCheck 5'),
    }),
  });
  return (await kustomized(join(KIT, folder))).map((resource) =>
    resource.kind === 'ConfigMap'
      ? { ...resource, data: change(resource.data as Record<string, string>) }
      : resource,
  );
}

/** Built at run time: a file that holds it would be quarantined. */
const EICAR = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD', '-ANTIVIRUS-TEST-FILE!$H+H*'].join('');

/** What clamdscan in the web pod says of bytes, by the configuration of the kit; or of another clamd. */
async function scan(bytes: string, clamd?: string): Promise<string> {
  const conf = '/etc/clamav/clamdscan.conf';
  const elsewhere = `sed "s/^TCPAddr .*/TCPAddr ${clamd}/" ${conf} > /dev/shm/${clamd}.conf && exec clamdscan --config-file=/dev/shm/${clamd}.conf --no-summary -`;
  const command =
    clamd === undefined
      ? ['clamdscan', `--config-file=${conf}`, '--no-summary', '-']
      : ['sh', '-c', elsewhere];
  const { stdout, stderr, exitCode } = await pods().run(
    ['exec', '--interactive', 'web-web', ...command],
    bytes,
  );
  return `${exitCode}: ${stdout.trim()}${stderr.trim()}`;
}

/** A command of the probes of the kit. */
const PING = ['clamdscan', '--config-file=/etc/clamav/clamd.conf', '--ping=1'];

/** What the probe of a container says, and what the container has said so far; nothing once it answers. */
async function troubleOf(container: string): Promise<string> {
  const ping = await pods().run(['exec', container, ...PING]);
  if (ping.exitCode === 0) return '';
  const { stdout, stderr } = await pods().run(['logs', '--tail=20', container]);
  const state = await pods().run(['inspect', '--format={{json .State}}', container]);
  return [ping.stdout, ping.stderr, state.stdout, stdout, stderr].map((one) => one.trim()).join('\n');
}
const startOf = async (container: string) =>
  await pods().must('inspect', '--format={{.State.StartedAt}} {{.RestartCount}}', container);

/** The version of the database `test` that the mirror serves to its clients. */
async function served(): Promise<string> {
  const script =
    "fetch('http://clamav-mirror:8080/test.cvd').then(async (answer) => console.log((await answer.text()).split(':')[2]), () => {})";
  return (await pods().run(['exec', 'web-web', 'node', '--eval', script])).stdout.trim();
}

/** True if a server in a container answers this path with 200. */
async function answers(container: string, path: string): Promise<boolean> {
  const script = `fetch('http://127.0.0.1:${path}').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;
  return (await pods().run(['exec', container, 'node', '--eval', script])).exitCode === 0;
}

describeWith(helmPart)('the kit for Kubernetes', () => {
  describeWithPods('played by podman', () => {
    describeWithOfficial("with Talos' databases", () => {
      let folder = '';

      /** What upstream offers. A file is there whole, or not at all. */
      async function offer(...names: readonly (readonly [from: string, to: string])[]): Promise<void> {
        for (const [from, to] of names) {
          const fresh = join(folder, `.${to}`);
          await copyFile(official(from), fresh);
          await chmod(fresh, 0o644);
          await rename(fresh, join(folder, to));
        }
      }

      beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), 'upstream-'));
        await chmod(folder, 0o755);
        await offer(['test-1.cvd', 'test.cvd']);
        const args = ['serve', '--store=/upstream', '--address=0.0.0.0'];
        const image = 'localhost/clamav-mirror:test';
        const volumeMounts = [{ name: 'upstream', mountPath: '/upstream', readOnly: true }];
        const volumes = [{ name: 'upstream', hostPath: { path: folder } }];
        await pods().play([
          pod('upstream', { containers: [{ name: 'serve', image, args, volumeMounts }], volumes }),
        ]);
        await expect.poll(() => answers('upstream-serve', '8080/test.cvd'), SOON).toBe(true);
        await pods().play(playable([...(await ofKit('mirror')), ...(await ofKit('consumer/web'))]));
        await expect.poll(() => answers('clamav-mirror-mirror', '8081/readyz'), SOON).toBe(true);
      });

      afterEach(async () => {
        await pods().clear();
        await rm(folder, { recursive: true });
      });

      afterAll(closePods);

      /** Upstream moves on; the mirror is told to look, and so is freshclam, as a schedule would. */
      async function update(freshclam: string): Promise<void> {
        const steps = [2, 3, 4, 5, 6].map(
          (version) => [`test-${version}.cdiff`, `test-${version}.cdiff`] as const,
        );
        await offer(...steps, ['test-6.cvd', 'test.cvd']);
        await pods().must('kill', '--signal=HUP', 'clamav-mirror-mirror');
        await expect.poll(served, SOON).toBe('6');
        await pods().must('kill', '--signal=USR1', freshclam);
      }

      test.each([
        {
          way: 'databases in each pod',
          folders: 'consumer/pod-volume',
          updaters: ['clamav-freshclam', 'clamav-2-freshclam'],
        },
        {
          way: 'databases on one volume',
          folders: 'consumer/shared-volume',
          updaters: ['clamav-updater-freshclam'],
        },
      ])(
        'scans for a web pod, and takes an update without a restart: $way',
        { timeout: 600_000 },
        async ({ folders, updaters }) => {
          const resources = playable(await ofKit(folders));
          await pods().play(resources.toSorted((one, other) => rankOf(one) - rankOf(other)));
          const clamds = ['clamav-clamd', 'clamav-2-clamd'];
          for (const clamd of clamds) await expect.poll(() => troubleOf(clamd), SOON).toBe('');
          const before = await Promise.all(clamds.map(startOf));

          expect(await scan('a letter')).toBe('0: stream: OK');
          expect(await scan(EICAR)).toBe('0: stream: OK'); // version 1 does not know it
          const [first = '', ...others] = updaters;
          await update(first);
          for (const other of others) await pods().must('kill', '--signal=USR1', other);
          await expect.poll(() => scan(EICAR), SOON).toBe('1: stream: Eicar-Test-Signature FOUND');
          await expect
            .poll(() => scan(EICAR, 'clamav-2'), SOON)
            .toBe('1: stream: Eicar-Test-Signature FOUND');
          expect(await scan('a letter')).toBe('0: stream: OK');
          expect(await scan('a letter', 'clamav-2')).toBe('0: stream: OK');
          expect(await Promise.all(clamds.map(startOf))).toEqual(before);
        },
      );
    });
  });
});

/** The order in which podman starts what is played, each once the one before has started: clamd needs what the updater brings. */
function rankOf(resource: object): number {
  const { kind, metadata } = resource as Resource;
  if (kind !== 'Pod') return 0;
  return metadata.name === 'clamav-updater' ? 1 : 2;
}
