import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { type AptOptions, prepareInstallation, refreshPackageLists } from '../../scripts/setup/apt.ts';
import { run } from '../../scripts/setup/programs.ts';
import { type FakeMachine, fakeMachine, SUDO } from './fakes.ts';

async function installPackages(packages: readonly string[], options: AptOptions): Promise<void> {
  await (await prepareInstallation(packages, options)).run();
}

/** What apt-get was asked for, in order. */
async function steps(machine: FakeMachine): Promise<(string | undefined)[]> {
  return (await machine.calls('apt-get')).map((call) => /install|update$/.exec(call)?.[0]);
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
  expect(await steps(machine)).toEqual(['update', 'install']);
});

test('one apt-get installs the packages, without questions and without recommended ones', async () => {
  const script = 'case $* in *update) exit ;; esac; [ "$DEBIAN_FRONTEND" = noninteractive ] && ! [ -t 0 ]';
  await using machine = await fakeMachine({ 'apt-get': script, sudo: SUDO });
  await installPackages(packages, machine.options);
  const [, ...calls] = await machine.calls('apt-get');
  expect(calls).toEqual([expect.stringMatching(/ install --no-install-recommends clamav clamav-freshclam$/)]);
  expect(calls).toEqual([expect.stringContaining(' -y ')]);
});

test('where only old or partial lists are there, the newest version is installed all the same', async () => {
  const script = `
    newest=1.4.3 # of the lists of the main suite; those of the security suite are not there
    [ -e "$HERE/security" ] && newest=1.4.6
    case $* in *update) : > "$HERE/security" ;; *) echo $newest > "$HERE/installed" ;; esac`;
  await using machine = await fakeMachine({ 'apt-get': script, sudo: SUDO });
  const lines: string[] = [];
  await installPackages(packages, { ...machine.options, log: (line) => lines.push(line) });
  expect(await readFile(join(machine.folder, 'installed'), 'utf8')).toBe('1.4.6\n');
  expect(lines).toEqual([expect.stringContaining('apt-get update')]);
});

test('however many installations there are, the lists are refreshed once', async () => {
  await using machine = await fakeMachine({ 'apt-get': '', sudo: SUDO });
  await Promise.all([
    installPackages(['a'], machine.options),
    refreshPackageLists(machine.options),
    installPackages(['b'], machine.options),
  ]);
  expect((await steps(machine)).sort()).toEqual(['install', 'install', 'update']);
});

test('an update that fails is told, and the old lists do', async () => {
  const script = 'case $* in *update) echo "E: no network" >&2; exit 100 ;; esac';
  await using machine = await fakeMachine({ 'apt-get': script, sudo: SUDO });
  const lines: string[] = [];
  await installPackages(packages, { ...machine.options, log: (line) => lines.push(line) });
  expect(await steps(machine)).toEqual(['update', 'install']);
  expect(lines.at(-1)).toMatch(/^WARNING: .*E: no network$/);
});

test('an update that never ends is ended, and by root', async () => {
  const timeout = 'shift 2; echo "$1" > "$HERE/apt"; exit 124'; // in the place of timeout(1), when the time is up
  await using machine = await fakeMachine({ 'apt-get': '', timeout, sudo: SUDO });
  expect(await refreshPackageLists(machine.options)).toMatch(/no end after \d+ s/);
  expect(await readFile(join(machine.folder, 'apt'), 'utf8')).toMatch(/apt-get\n$/);
  expect(await machine.calls('sudo')).toContainEqual(expect.stringContaining(' timeout '));
});

test('an update waits while somebody else refreshes the lists', async () => {
  const script = `[ -e "$HERE/asked" ] && exit
    : > "$HERE/asked"
    echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 42 (apt-get)" >&2
    exit 100`;
  await using machine = await fakeMachine({ 'apt-get': script, sudo: SUDO });
  expect(await refreshPackageLists(machine.options)).toBe(undefined);
  expect(await steps(machine)).toEqual(['update', 'update']);
});

test('when apt-get gives up, its reasons are told', async () => {
  const script = 'echo Reading...; case $* in *update) ;; *) echo "E: no clamav" >&2; exit 100 ;; esac';
  await using machine = await fakeMachine({ 'apt-get': script, sudo: SUDO });
  const failed = expect.objectContaining({
    code: 'setup/apt-failed',
    message: expect.stringMatching(/E: no clamav$/),
    advice: expect.stringContaining('apt-get install -y --no-install-recommends clamav clamav-freshclam'),
  });
  await expect(installPackages(packages, machine.options)).rejects.toThrow(failed);
});

test('where nothing can be fetched at all, that is told too', async () => {
  const script = 'case $* in *update) echo "E: no network" ;; *) echo "E: no clamav" ;; esac >&2; exit 100';
  await using machine = await fakeMachine({ 'apt-get': script, sudo: SUDO });
  const failed = expect.objectContaining({
    code: 'setup/apt-failed',
    message: expect.stringMatching(/E: no clamav\..*E: no network$/),
    advice: expect.stringContaining('apt-get update && apt-get install'),
  });
  await expect(installPackages(packages, machine.options)).rejects.toThrow(failed);
});

test('while it installs, the services of the packages may not start, and all others may', async () => {
  const script = `
    case $* in *update) exit ;; esac
    for service in clamav-freshclam clamav-freshclam-once.timer docker docker.socket ssh; do
      "$HERE/policy-rc.d" --quiet $service start; echo "$service $?" >> "$HERE/verdicts"
    done
    cp "$HERE/policy-rc.d" "$HERE/left-behind"`;
  await using machine = await fakeMachine({ 'apt-get': script, sudo: SUDO });
  await installPackages(['clamav-freshclam', 'docker.io'], machine.options);
  const verdicts = await readFile(join(machine.folder, 'verdicts'), 'utf8');
  expect(verdicts).toBe(
    'clamav-freshclam 101\nclamav-freshclam-once.timer 101\ndocker 101\ndocker.socket 101\nssh 0\n',
  );
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
