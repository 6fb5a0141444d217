import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { labelOf } from '../../scripts/engine/docker/image.ts';
import { fakeTools } from '../support/clamav/engines.ts';
import { describeWithDocker, describeWithImages, image } from '../support/docker/docker.ts';
import { docker } from '../support/docker/of-this-run.ts';
import { mounts } from '../support/machine/mounts.ts';
import { describeWith, describeWithClamav, describeWithOfficial } from '../support/setup/official.ts';
import { fault, finding, lineOf, temporaryFolder, WELL } from './support.ts';

/** Wherever programs are looked for. */
const PLACES = [
  ...(process.env.PATH ?? '').split(delimiter),
  ...['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin', '/usr/local/clamav/bin', '/snap/bin'],
];

/** A wrapper that hides these programs from a command. */
function without(...programs: readonly string[]): string[] {
  const paths = PLACES.flatMap((place) => programs.map((program) => `${place}/${program}`));
  const hide = `for path in ${paths.join(' ')}; do [ ! -e $path ] || mount --bind /dev/null $path; done`;
  return ['unshare', '--mount', 'sh', '-c', `${hide}; exec "$@"`, 'sh'];
}

describeWithClamav('an engine', () => {
  test('of this machine opens, with its version and level', async () => {
    expect(await finding('clamav')).toMatchObject({
      ok: true,
      found: expect.stringMatching(/native is ClamAV \d+\.\d+\S*, f-level \d+/),
    });
  });

  describeWith(mounts)('on a machine', () => {
    test('without ClamAV and containers is named with what to install', async () => {
      const wrapper = without('clamscan', 'freshclam', 'docker', 'podman');
      expect(await lineOf('clamav', {}, { wrapper })).toEqual(
        fault(/no ClamAV|no container engine/, /apt-get install clamav/),
      );
    });

    test('without freshclam is named with its package', async () => {
      const wrapper = without('freshclam');
      expect(await lineOf('clamav native', { engines: 'native' }, { wrapper })).toEqual(
        fault(/freshclam is not installed/, /apt-get install .*clamav-freshclam/),
      );
    });
  });

  describeWith(mounts)('that AppArmor confines', () =>
    describeWithOfficial('to other folders', () => {
      test('is a fault of the work folder, which the line to add to the profile names', async () => {
        const folder = mkdtempSync('/var/tmp/doctor-');
        onTestFinished(() => rmSync(folder, { recursive: true }));
        const blind = `exec unshare --mount sh -c 'mount -t tmpfs tmpfs /var/tmp && exec "$@"' sh "$REAL" "$@"`;
        await using tools = await fakeTools({ freshclam: blind }, { confined: blind });
        const [store, work] = [join(folder, 'mirror'), join(folder, 'mirror.work')];
        expect(await finding('clamav', { flags: { store }, environment: { PATH: tools.path } })).toEqual(
          fault(new RegExp(`freshclam may not read in ${work}:`), new RegExp(`"${work}/\\*\\*" rwk`)),
        );
        expect(readdirSync(folder)).toEqual([]);
      });
    }),
  );

  describeWithOfficial('that is broken', () => {
    test('is a fault with what it said', async () => {
      await using broken = await fakeTools({ clamscan: 'exit 1' }, { version: 'echo no library; exit 1' });
      const environment = { PATH: broken.path };
      expect(await finding('clamav', { environment })).toEqual(
        fault(/cannot tell its version.*no library/, /./),
      );
    });
  });
});

describe('containers', () => {
  const flags = { engines: 'docker:clamav-mirror-test/none:0' };

  describeWith(mounts)('on a machine', () => {
    test('without docker and podman', async () => {
      const wrapper = without('docker', 'podman');
      expect(await lineOf('containers', flags, { wrapper })).toEqual(
        fault(/neither docker nor podman is installed/, /apt-get install podman/),
      );
    });

    describeWithDocker('with docker', () => {
      test('and no daemon', async () => {
        const environment = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
        expect(await lineOf('containers', flags, { environment, wrapper: without('podman') })).toEqual(
          fault(/no container engine answers/, /systemctl start docker/),
        );
      });
    });
  });

  describeWithDocker('by docker', () => {
    test('answer', async () => {
      expect(await finding('containers', { flags })).toEqual(WELL);
    });

    test('of an image that is not there: nothing is pulled', async () => {
      const { engines: name } = flags;
      expect(await finding(`clamav ${name}`, { flags })).toEqual(
        fault(/none:0 is not on this machine/, /docker pull clamav-mirror-test\/none:0/),
      );
    });

    test('of a container that is not there', async () => {
      const engines = 'container:clamav-mirror-none';
      expect(await finding(`clamav ${engines}`, { flags: { engines } })).toEqual(
        fault(/no container clamav-mirror-none/, /./),
      );
    });
  });

  describeWithImages('oldest')('of an image', () => {
    test('open, and those of a run that is under way stay', async () => {
      const store = join(temporaryFolder(), 'mirror');
      const label = `--label=${labelOf(`${store}.work`)}`;
      const id = await docker('run', '--detach', label, '--entrypoint=sleep', image('oldest'), 'infinity');
      try {
        const engines = `docker:${image('oldest')}`;
        expect(await finding(`clamav ${engines}`, { flags: { engines, store } })).toEqual(WELL);
        expect(await docker('inspect', '--format={{.State.Running}}', id)).toBe('true');
      } finally {
        await docker('rm', '--force', id);
      }
    });
  });
});
