import { beforeEach, expect, test, vi } from 'vitest';
import { ensureClamav } from '../../scripts/setup/install-clamav.ts';
import { fakeMachine, SUDO } from './fakes.ts';

beforeEach(() => {
  const asUser = vi.spyOn(process, 'geteuid').mockReturnValue(1000);
  return () => asUser.mockRestore();
});

const FRESHCLAM = 'echo ClamAV 1.4.6';
const services = { 'update-rc.d': '', 'invoke-rc.d': '', systemctl: '', dpkg: '' };
const code = (expected: string) => expect.objectContaining({ code: expected });

/** Answers every question the same, and remembers it. */
function answering(answer: boolean) {
  const questions: string[] = [];
  const ask = (question: string) => {
    questions.push(question);
    return answer;
  };
  return { ask, questions, log: () => {} };
}

test('who says no gets nothing installed, and an error', async () => {
  await using machine = await fakeMachine({ ...services, 'apt-get': '', sudo: SUDO });
  const person = answering(false);
  await expect(ensureClamav({ ...machine.options, ...person })).rejects.toThrow(code('setup/declined'));
  expect(person.questions).toEqual([
    expect.stringContaining('apt-get install -y --no-install-recommends clamav clamav-freshclam'),
  ]);
  expect(await machine.calls('apt-get')).toEqual([]);
});

test('nobody is asked where nothing can be installed', async () => {
  await using machine = await fakeMachine({});
  const person = answering(true);
  await expect(ensureClamav({ ...machine.options, ...person })).rejects.toThrow(code('setup/not-debian'));
  expect(person.questions).toEqual([]);
});

test('who says yes gets what was missing, and only that', async () => {
  const script = 'for name in clamscan sigtool; do cp "$HERE/bin/freshclam" "$HERE/bin/$name"; done';
  await using machine = await fakeMachine({
    ...services,
    freshclam: FRESHCLAM,
    'apt-get': script,
    sudo: SUDO,
  });
  const person = answering(true);
  const { path } = machine.options;
  await expect(ensureClamav({ ...machine.options, ...person })).resolves.toEqual({
    version: '1.4.6',
    freshclam: `${path}/freshclam`,
    clamscan: `${path}/clamscan`,
    sigtool: `${path}/sigtool`,
  });
  expect(person.questions).toHaveLength(1);
  expect((await machine.calls('apt-get')).at(-1)).toMatch(/ --no-install-recommends clamav$/);
});

test('clamd is wanted only on request', async () => {
  const script = 'cp "$HERE/bin/freshclam" "$HERE/bin/clamd"';
  const there = { freshclam: FRESHCLAM, clamscan: '', sigtool: '' };
  await using machine = await fakeMachine({ ...services, ...there, 'apt-get': script, sudo: SUDO });
  const person = answering(true);
  expect(await ensureClamav({ ...machine.options, ...person })).not.toHaveProperty('clamd');
  expect(person.questions).toEqual([]);
  const { clamd } = await ensureClamav({ ...machine.options, ...person, daemon: true });
  expect(clamd).toBe(`${machine.options.path}/clamd`);
  expect((await machine.calls('apt-get')).at(-1)).toMatch(/ clamav-daemon$/);
});

test('an installation that brings no programs is not taken for one', async () => {
  await using machine = await fakeMachine({ ...services, 'apt-get': '', sudo: SUDO });
  const options = { ...machine.options, ...answering(true) };
  await expect(ensureClamav(options)).rejects.toThrow(code('setup/clamav-broken'));
});

test.each(['exit 1', 'echo ClamAV', 'echo ClamAV 1.4.6; exit 127', 'kill -9 $$'])(
  'a freshclam that does "%s" is not taken for one',
  async (script) => {
    await using machine = await fakeMachine({ freshclam: script, clamscan: '', sigtool: '' });
    const options = { ...machine.options, ...answering(true) };
    await expect(ensureClamav(options)).rejects.toThrow(code('setup/clamav-broken'));
  },
);

test('the version is told from that of an installed database', async () => {
  const freshclam = 'echo ClamAV 1.4.6/27500/Mon Dec 30 09:37:42 2024';
  await using machine = await fakeMachine({ freshclam, clamscan: '', sigtool: '' });
  const { version } = await ensureClamav({ ...machine.options, ...answering(true) });
  expect(version).toBe('1.4.6');
});
