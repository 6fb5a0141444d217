import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { type AptOptions, prepareInstallation } from '../../scripts/demo/apt.ts';
import { run } from '../../scripts/demo/programs.ts';
import { fakeMachine, SUDO } from './fakes.ts';

async function installPackages(packages: readonly string[], options: AptOptions): Promise<void> {
  await (await prepareInstallation(packages, options)).run();
}

beforeEach(() => {
  const asUser = vi.spyOn(process, 'geteuid').mockReturnValue(1000);
  return () => asUser.mockRestore();
});

const packages = ['clamav', 'clamav-freshclam'];
const code = (expected: string) => expect.objectContaining({ code: expected });

test('without apt-get nothing can be installed', async () => {
  await using machine = await fakeMachine({ sudo: SUDO });
  await expect(installPackages(packages, machine.options)).rejects.toThrow(code('setup/not-debian'));
});

test('without root and without sudo nothing can be installed', async () => {
  await using machine = await fakeMachine({ 'apt-get': '' });
  await expect(installPackages(packages, machine.options)).rejects.toThrow(code('setup/no-root'));
  expect(await machine.calls('apt-get')).toEqual([]);
});

test('a sudo that wants a password is as good as none', async () => {
  await using machine = await fakeMachine({ 'apt-get': '', sudo: 'exit 1' });
  await expect(installPackages(packages, machine.options)).rejects.toThrow(code('setup/no-root'));
  expect(await machine.calls('sudo')).toEqual(['-n true']);
  expect(await machine.calls('apt-get')).toEqual([]);
});

test('root needs no sudo', async () => {
  vi.spyOn(process, 'geteuid').mockReturnValue(0);
  await using machine = await fakeMachine({ 'apt-get': '' });
  await installPackages(packages, machine.options);
  expect(await machine.calls('apt-get')).toHaveLength(1);
});

test('one apt-get installs the packages, without questions and without recommended ones', async () => {
  const script = '[ "$DEBIAN_FRONTEND" = noninteractive ] && ! [ -t 0 ]';
  await using machine = await fakeMachine({ 'apt-get': script, sudo: SUDO });
  await installPackages(packages, machine.options);
  const calls = await machine.calls('apt-get');
  expect(calls).toEqual([expect.stringMatching(/ install --no-install-recommends clamav clamav-freshclam$/)]);
  expect(calls).toEqual([expect.stringContaining(' -y ')]);
});

test('where the lists are missing or stale they are updated, and the installation is tried again', async () => {
  const script = 'case $* in *update) : > "$HERE/lists" ;; *) [ -e "$HERE/lists" ] ;; esac';
  await using machine = await fakeMachine({ 'apt-get': script, sudo: SUDO });
  await installPackages(packages, machine.options);
  const calls = await machine.calls('apt-get');
  expect(calls.map((call) => /install|update$/.exec(call)?.[0])).toEqual(['install', 'update', 'install']);
});

test('an update that fails is no reason not to try again', async () => {
  const script = 'case $* in *update) : > "$HERE/tried"; exit 100 ;; *) [ -e "$HERE/tried" ] ;; esac';
  await using machine = await fakeMachine({ 'apt-get': script, sudo: SUDO });
  await installPackages(packages, machine.options);
  expect(await machine.calls('apt-get')).toHaveLength(3);
});

test('when apt-get gives up, its reasons are told', async () => {
  const script =
    'echo Reading...; case $* in *update) echo "E: no network" ;; *) echo "E: no clamav" ;; esac >&2; exit 100';
  await using machine = await fakeMachine({ 'apt-get': script, sudo: SUDO });
  const failed = expect.objectContaining({
    code: 'setup/apt-failed',
    message: expect.stringMatching(/E: no clamav \/ E: no network$/),
    advice: expect.stringContaining('apt-get install -y --no-install-recommends clamav clamav-freshclam'),
  });
  await expect(installPackages(packages, machine.options)).rejects.toThrow(failed);
});

test('while it installs, the services of the packages may not start, and all others may', async () => {
  const script = `
    for service in clamav-freshclam clamav-freshclam-once.timer ssh; do
      "$HERE/policy-rc.d" --quiet $service start; echo "$service $?" >> "$HERE/verdicts"
    done
    cp "$HERE/policy-rc.d" "$HERE/left-behind"`;
  await using machine = await fakeMachine({ 'apt-get': script, sudo: SUDO });
  await installPackages(['clamav-freshclam'], machine.options);
  const verdicts = await readFile(join(machine.folder, 'verdicts'), 'utf8');
  expect(verdicts).toBe('clamav-freshclam 101\nclamav-freshclam-once.timer 101\nssh 0\n');
  await expect(readFile(machine.options.policy)).rejects.toThrow(code('ENOENT'));
  const later = [join(machine.folder, 'left-behind'), 'clamav-freshclam', 'start'];
  expect(await run(later, { timeout: 10_000 })).toMatchObject({ exitCode: 0 });
});

test('after a failure too, no policy is left', async () => {
  await using machine = await fakeMachine({ 'apt-get': 'exit 100', sudo: SUDO });
  await expect(installPackages(packages, machine.options)).rejects.toThrow(code('setup/apt-failed'));
  await expect(readFile(machine.options.policy)).rejects.toThrow(code('ENOENT'));
});

test('a policy that the machine has stays as it is', async () => {
  await using machine = await fakeMachine({ 'apt-get': '', sudo: SUDO });
  await writeFile(machine.options.policy, 'mine');
  await installPackages(packages, machine.options);
  expect(await readFile(machine.options.policy, 'utf8')).toBe('mine');
});

test('what the packages brought for the next boot is switched off', async () => {
  const listed = [
    '/usr/bin/x',
    '/lib/systemd/system',
    '/lib/systemd/system/x-once.timer',
    '/lib/systemd/system/x.service',
  ];
  const nothing = { 'update-rc.d': '', 'invoke-rc.d': '', systemctl: '' };
  const dpkg = `case $2 in x) printf '%s\\n' ${listed.join(' ')} ;; *) echo /usr/bin/y ;; esac`;
  await using machine = await fakeMachine({ ...nothing, dpkg, 'apt-get': '', sudo: SUDO });
  await installPackages(['x', 'y'], machine.options);
  expect(await machine.calls('update-rc.d')).toEqual(['x disable', 'y disable']);
  expect(await machine.calls('invoke-rc.d')).toEqual(['x stop', 'y stop']);
  expect(await machine.calls('systemctl')).toEqual(['disable --now x-once.timer', 'disable --now x.service']);
});
