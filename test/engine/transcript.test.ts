import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Engine, Program, Task, ToolRun } from '../../scripts/engine/engine.ts';
import { recorded, Transcript } from '../../scripts/engine/transcript.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'transcripts-'));
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true, force: true });
});

async function keep(transcript: Transcript, name = 'native a client arrives', reason = 'it did not') {
  const path = await transcript.keep(join(folder, 'failed'), name, reason);
  return { path, text: await readFile(path, 'utf8') };
}

describe('what is kept of a failed scenario', () => {
  test('says the engine, the scenario, the reason, and then every part in order', async () => {
    const transcript = new Transcript();
    transcript.add('freshclam --stdout', 'Update failed.\n\nexit 11\n');
    transcript.add('requests', 'GET /test.cvd: 404, 14 bytes');
    expect((await keep(transcript)).text).toBe(
      'native a client arrives\nit did not\n\n' +
        '$ freshclam --stdout\nUpdate failed.\n\nexit 11\n\n$ requests\nGET /test.cvd: 404, 14 bytes\n',
    );
  });

  test('is cut in the middle: how a tool begins and how it ends is what tells', async () => {
    const transcript = new Transcript();
    transcript.add('clamscan', `the first line\n${'x'.repeat(1024 * 1024)}\nthe last line\n`);
    transcript.add('clamd', 'y'.repeat(64 * 1024));
    const { text } = await keep(transcript);
    expect(text).toMatch(/\$ clamscan\nthe first line\nx+\n\[… \d+ characters …\]\nx+\nthe last line\n/);
    expect(text).toContain(`$ clamd\n${'y'.repeat(64 * 1024)}\n`);
    expect(text.length).toBeLessThan(2 * 64 * 1024 + 500);
  });

  test('cannot make a terminal do anything', async () => {
    const transcript = new Transcript();
    transcript.add('freshclam', '\x1b[2J\x1b]0;title\x07gone\r\n\tindented\x9b31m\0');
    const { text } = await keep(transcript, 'native a client', 'it said \x1b[2J');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(text).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
    expect(text).toContain('gone');
    expect(text).toContain('\n\tindented');
  });
});

describe('its file', () => {
  const names: Readonly<Record<string, string>> = {
    'an image with a digest': `docker:clamav/clamav:1.4@sha256:${'0'.repeat(64)} a client arrives`,
    'a way out of the folder': '../../../etc/passwd',
    'control characters': 'container:a\n\x1b[2J\0b',
    'a very long name': `docker:${'a/'.repeat(5000)}b`,
    'an option': '--force',
    nothing: '',
  };
  test.each(Object.keys(names))('has a harmless name for %s', async (what) => {
    const { path } = await keep(new Transcript(), names[what]);
    expect(dirname(path)).toBe(join(folder, 'failed'));
    expect(basename(path)).toMatch(/^\d{4}-\d\d-\d\dT[\w.-]{1,150}\.log$/);
    expect(await readdir(join(folder, 'failed'))).toEqual([basename(path)]);
  });

  test('is one of twenty: the newest stay, and so does what is not a transcript', async () => {
    await keep(new Transcript());
    await rm(join(folder, 'failed'), { recursive: true });
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-21T08:00:00Z') });
    const kept: string[] = [];
    for (let count = 0; count < 23; count++) {
      vi.setSystemTime(Date.now() + 1000);
      // Names that would sort otherwise
      kept.push(basename((await keep(new Transcript(), `${String.fromCharCode(122 - count)} client`)).path));
      if (count === 0) await writeFile(join(folder, 'failed', 'notes.txt'), 'mine');
    }
    expect((await readdir(join(folder, 'failed'))).sort()).toEqual([...kept.slice(-20), 'notes.txt']);
    expect((await stat(join(folder, 'failed', kept.at(-1) ?? ''))).size).toBeGreaterThan(0);
  });
});

describe('a recorded engine', () => {
  const task = {
    tool: 'clamscan',
    folder: '/f',
    args: (at: string) => [`--database=${at}/db`],
    timeout: 1,
  } as const;

  /** One whose tools end like this, under another folder's name. */
  function engineThat(ended: Promise<ToolRun>): Engine {
    const start = async ({ args }: Task): Promise<Program> => {
      args('/inside');
      return { output: () => '', ended, stop: () => ended };
    };
    return { name: 'docker:x', start } as unknown as Engine;
  }

  test.each<[Partial<ToolRun>, string]>([
    [{ exitCode: 2 }, 'exit 2'],
    [{ exitCode: null }, 'ended by a signal'],
    [{ exitCode: null, timedOut: true }, 'killed: its time was up'],
  ])('notes the command as the engine sees it, what it said, and how it ended: %o', async (end, said) => {
    const transcript = new Transcript();
    const ended = Promise.resolve({ exitCode: 0, timedOut: false, output: 'spoke', ...end });
    const program = await recorded(engineThat(ended), transcript).start(task);
    expect(await program.ended).toMatchObject({ output: 'spoke', ...end });
    expect((await keep(transcript)).text).toContain(`$ clamscan --database=/inside/db\nspoke\n${said}\n`);
  });
});
