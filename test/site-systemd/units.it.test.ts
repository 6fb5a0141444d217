import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { LONG } from '../daemon/support.ts';
import { freshclam } from '../support/clamav/update-clients.ts';
import { describeMirror, offer, startMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { REPOSITORY } from '../support/repository.ts';
import { describeWith, have } from '../support/setup/official.ts';
import { realPart } from '../support/setup/real-part.ts';
import { freePort } from '../support/web/ports.ts';
import { type BootedMachine, bootSystemd } from './booted.ts';

const systemd = inject('systemd');
const KIT = join(REPOSITORY, 'site', 'systemd');
const UNITS = ['clamav-mirror.service', 'clamav-mirror-sync.service', 'clamav-mirror-sync.timer'] as const;
/** systemd's scale goes from 0 to 10, and its threshold is ten times that. */
const WORST = '25';

describeWith(systemd)('systemd', () => {
  test.each(UNITS.slice(0, 2))('rates the protection of %s at 2.5 or better', (unit) => {
    const args = ['security', '--offline=yes', '--no-pager', `--threshold=${WORST}`, join(KIT, unit)];
    const { stdout, status } = spawnSync(have(systemd), args, { encoding: 'utf8' });
    expect({ status, last: stdout.trim().split('\n').at(-1) }).toMatchObject({ status: 0 });
  });

  test('protects both services alike', () => {
    const of = (unit: string) =>
      readFileSync(join(KIT, unit), 'utf8')
        .split('\n')
        .filter((line) =>
          /^(Cap|Lock|NoNew|Private|Protect|Remove|Restrict|System|UMask|Bind|ReadWrite|User|Group)/.test(
            line,
          ),
        );
    expect(of('clamav-mirror.service').filter((line) => !UNLIKE.test(line))).toEqual(
      of('clamav-mirror-sync.service'),
    );
    expect(of('clamav-mirror.service').length).toBeGreaterThan(25);
  });

  test('starts cycles by the timer once an hour, and never at the full hour', () => {
    const [, calendar = ''] =
      /^OnCalendar=(.*)$/m.exec(readFileSync(join(KIT, 'clamav-mirror-sync.timer'), 'utf8')) ?? [];
    const args = ['calendar', '--iterations=3', '--base-time=2026-06-01 12:00:00 UTC', calendar];
    const { stdout } = spawnSync(have(systemd), args, {
      encoding: 'utf8',
      env: { TZ: 'UTC', PATH: process.env.PATH },
    });
    expect([...stdout.matchAll(/ (\d\d:\d\d:\d\d) UTC$/gm)].map(([, time]) => time)).toEqual([
      '12:07:00',
      '13:07:00',
      '14:07:00',
    ]);
  });
});

/** Settings of the one that runs on. */
const UNLIKE = /^RestartPrevent/;

const booted = await realPart('booted-systemd', bootSystemd);

describeWith(booted)('a machine that systemd has booted', () => {
  describeMirror('and a mirror on it', () => {
    let machine: BootedMachine;
    let mirror: TestMirror;
    let url: string;
    let admin: string;
    const ok = async (line: string) => {
      const { said, status } = await machine.run(line);
      expect({ line, said, status }).toMatchObject({ status: 0 });
      return said;
    };
    const show = async (property: string, unit: string = 'clamav-mirror') =>
      (await ok(`systemctl show --property=${property} --value ${unit}`)).trim();

    beforeAll(async () => {
      machine = have(booted);
      mirror = await startMirror(5);
      const [port, adminPort] = [await freePort(), await freePort()];
      url = `http://127.0.0.1:${port}`;
      admin = `http://127.0.0.1:${adminPort}`;
      const variables = {
        ...{ UPSTREAM: mirror.upstream.url, DNS: 'off', PORT: port },
        ADMIN: `127.0.0.1:${adminPort}`,
      };
      const lines = Object.entries(variables).map(([name, value]) => `CLAMAV_MIRROR_${name}=${value}`);
      await ok(`echo '{ "databases": ["test"] }' >/etc/clamav-mirror.json`);
      await ok(`printf '%s\\n' ${lines.join(' ')} >/etc/clamav-mirror.env`);
    });
    afterAll(async () => await mirror?.[Symbol.asyncDispose]());

    test('is installed as its guide says, and finds nothing wrong with the units', async () => {
      const [, commands = ''] =
        /```sh\n([\s\S]*?)```/.exec(readFileSync(join(KIT, 'README.md'), 'utf8')) ?? [];
      expect(commands).toContain('systemd-sysusers');
      await ok(`set -eu\n${commands}`);
      expect(await ok(`systemd-analyze verify --man=no ${UNITS.join(' ')}`)).toBe('');
      expect(
        await ok('stat --format="%A %U" /var/lib/clamav-mirror/mirror /var/lib/clamav-mirror/work'),
      ).toBe('drwxr-xr-x clamav-mirror\ndrwx------ clamav-mirror\n');
    });

    test('starts, publishes what real ClamAV has proven, and serves it to a client', async () => {
      await ok('systemctl start clamav-mirror');
      await vi.waitUntil(async () => (await statusOf(`${admin}/readyz`)) === 200, {
        timeout: LONG,
        interval: 200,
      });
      expect(await freshclam.update(join(mirror.folder, 'client'), url)).toBe(5);
      const proof = await ok('cat /var/lib/clamav-mirror/mirror/proof.txt');
      expect(proof).toMatch(/^ +passed .* clamd reloads /m);
      expect(proof).not.toMatch(/^ +failed /m);
      expect(
        await ok('stat --format=%A /var/lib/clamav-mirror/mirror/test.cvd /run/clamav-mirror/socket'),
      ).toBe('-rw-r--r--\nsrw-------\n');
      await ok('setpriv --reuid=nobody --clear-groups cat /var/lib/clamav-mirror/mirror/test.cvd >/dev/null'); // as nginx
    });

    test('takes a reload for a wish, and follows upstream while it serves', async () => {
      offer(mirror, 6);
      await ok('systemctl reload clamav-mirror');
      const metric = 'clamav_mirror_database_version{database="test"} 6\n';
      await vi.waitUntil(async () => (await textOf(`${admin}/metrics`)).includes(metric), {
        timeout: LONG,
        interval: 200,
      });
      expect(await freshclam.update(join(mirror.folder, 'client'), url)).toBe(6);
    });

    test('lives on when the process of a cycle is killed', async () => {
      const held = Promise.withResolvers<void>();
      mirror.upstream.forget();
      mirror.upstream.fail('*', { after: held.promise });
      const main = await show('MainPID');
      await ok('systemctl reload clamav-mirror');
      await vi.waitUntil(() => mirror.upstream.requests.length > 0, { timeout: LONG });
      await ok(`kill -KILL $(cat /proc/${main}/task/${main}/children)`);
      const died = 'clamav_mirror_run_cycles_total{outcome="died"} 1\n';
      await vi.waitUntil(async () => (await textOf(`${admin}/metrics`)).includes(died), {
        timeout: LONG,
        interval: 200,
      });
      expect([await show('MainPID'), await show('ActiveState')]).toEqual([main, 'active']);
      held.resolve();
      mirror.upstream.fail('*');
    });

    test('ends when it is stopped, by itself, and has not failed', async () => {
      await ok('systemctl stop clamav-mirror');
      expect([await show('ActiveState'), await show('Result'), await show('ExecMainStatus')]).toEqual([
        'inactive',
        'success',
        '0',
      ]);
      expect(await ok('ls /var/lib/clamav-mirror/work')).toContain('state.json'); // outlives the private /tmp
    });

    test('runs one cycle for its timer', async () => {
      await ok('systemctl start clamav-mirror-sync');
      expect(await show('Result', 'clamav-mirror-sync')).toBe('success');
      await ok('systemctl start clamav-mirror-sync.timer');
      const next = await show('NextElapseUSecRealtime', 'clamav-mirror-sync.timer');
      expect(next).toMatch(/:\d\d:\d\d /);
      expect(next).not.toMatch(/ \d\d:00:/);
    });

    test('stays down when its settings are wrong, and says why in the journal', async () => {
      await ok('echo CLAMAV_MIRROR_EVERY=never >>/etc/clamav-mirror.env');
      await machine.run('systemctl start clamav-mirror');
      await vi.waitUntil(async () => (await show('ActiveState')) === 'failed', {
        timeout: LONG,
        interval: 200,
      });
      expect([await show('NRestarts'), await show('ExecMainStatus')]).toEqual(['0', '2']);
      expect(await ok('journalctl --no-pager --output=cat --unit=clamav-mirror')).toContain(
        'CLAMAV_MIRROR_EVERY',
      );
    });
  });

  afterAll(async () => await have(booted)[Symbol.asyncDispose]());
});

async function statusOf(url: string): Promise<number> {
  return await fetch(url).then(
    ({ status }) => status,
    () => 0, // it does not listen yet
  );
}

async function textOf(url: string): Promise<string> {
  return await (await fetch(url)).text();
}
