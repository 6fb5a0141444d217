import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fakeTools, knowing } from '../support/clamav/engines.ts';
import { mounts } from '../support/machine/mounts.ts';
import { runCli } from '../support/mirror/cli.ts';
import { describeMirror, namesIn, startMirror, startPublished, untouched } from '../support/mirror/cycle.ts';
import { clamav, describeWith } from '../support/setup/official.ts';

describeMirror('sync', () => {
  test('tells the story in plain lines where no terminal is', async () => {
    await using mirror = await startMirror();
    const first = await runCli(['sync', ...mirror.flags(), '--verbose']);
    expect(first).toMatchObject({ exitCode: 0, stdout: '' });
    expect(first.stderr).toMatch(/^\S+Z proven {2}native: .*\(test\.cvd 6; [\d.]+ m?s\)$/m);
    expect(first.stderr).toMatch(/^\S+Z test: version none → 6, downloaded, [\d.]+ KB$/m);
    expect(first.stderr).toMatch(/^\S+Z published: \S+ \([\d.]+ KB taken from upstream, [\d.]+ s\)\n$/m);
    const second = await runCli(['sync', ...mirror.flags()]);
    expect(second).toMatchObject({ exitCode: 0, stdout: '' });
    expect(second.stderr).toMatch(/^\S+Z test: version 6 stays published\n$/);
    for (const { stderr } of [first, second]) expect(stderr).toSatisfy(isPlain);
  });

  test('takes every setting from variables, and prefers flags', async () => {
    await using mirror = await startMirror();
    const environment = {
      CLAMAV_MIRROR_UPSTREAM: mirror.upstream.url,
      CLAMAV_MIRROR_DATABASES: 'test',
      CLAMAV_MIRROR_STORE: join(mirror.folder, 'not-here'),
      CLAMAV_MIRROR_WORK: mirror.work,
      CLAMAV_MIRROR_CDIFFS: '1',
      CLAMAV_MIRROR_USER_AGENT: 'a test',
    };
    const run = await runCli(['sync', '--json', '--store', mirror.store], { environment });
    expect(run.exitCode).toBe(0);
    expect(await namesIn(mirror.folder)).toEqual(['mirror', 'mirror.work']);
    expect(await namesIn(mirror.store)).not.toContain('test-5.cdiff');
    expect(mirror.upstream.requests[0]?.userAgent).toBe('a test');
  });

  test('introduces itself in the form that upstream serves, with an identifier that it keeps', async () => {
    await using mirror = await startMirror();
    await mirror.syncCli();
    await mirror.syncCli();
    const agents = new Set(mirror.upstream.requests.map(({ userAgent }) => userAgent));
    const { uuid } = JSON.parse(await readFile(join(mirror.work, 'state.json'), 'utf8'));
    expect([...agents]).toEqual([expect.stringMatching(/^CVDUPDATE\/\S+ \(\S+\) clamav-mirror\/\S+$/)]);
    expect([...agents][0]).toContain(`(${uuid})`);
  });

  test('without an upstream fails with one JSON object, and changes nothing', async () => {
    await using mirror = await startPublished(1, 6);
    const flags = mirror.flags({ upstream: 'http://127.0.0.1:9' });
    const run = await untouched(mirror, () => runCli(['sync', ...flags, '--json']));
    expect(run.exitCode).toBe(1);
    expect(run.json()).toMatchObject({
      outcome: 'failed',
      databases: { test: { outcome: 'failed', code: 'upstream/unreachable', from: 1, to: 1 } },
    });
  });

  test('with ClamAV that does not work fails with one JSON object, and changes nothing', async () => {
    await using mirror = await startPublished(1, 6);
    await using tools = await fakeTools({ clamscan: 'exit 1' }, { version: 'exit 1' });
    const run = await untouched(mirror, () => mirror.syncCli([], { environment: { PATH: tools.path } }));
    expect(run.exitCode).toBe(1);
    expect(run.json()).toMatchObject({ outcome: 'failed', databases: {}, error: { code: 'engine/broken' } });
  });

  test('with ClamAV that refuses a database exits with 3 and one JSON object', async () => {
    await using mirror = await startPublished(1, 6);
    const clamscan = `${knowing('test', 6)}; has 6 && exit 1; exec "$REAL" "$@"`;
    await using tools = await fakeTools({ clamscan });
    const run = await untouched(mirror, () => mirror.syncCli([], { environment: { PATH: tools.path } }));
    expect(run.exitCode).toBe(3);
    expect(run.json()).toMatchObject({
      outcome: 'refused',
      databases: { test: { outcome: 'refused', code: 'proof/failed', from: 1, to: 1, offered: 6 } },
      proof: { passed: false },
    });
  });

  describeWith(mounts)('without ClamAV', () => {
    test('fails with one JSON object, and downloads nothing', async () => {
      await using mirror = await startMirror();
      const { freshclam, real } = clamav();
      const hidden = [freshclam, ...(real === undefined ? [] : [real.freshclam])];
      const hide = `${hidden.map((program) => `mount --bind /dev/null '${program}' && `).join('')}exec "$@"`;
      const run = await mirror.syncCli([], { wrapper: ['unshare', '--mount', 'sh', '-c', hide, 'sh'] });
      expect(run.exitCode).toBe(1);
      expect(run.json()).toMatchObject({
        outcome: 'failed',
        databases: {},
        error: { code: 'engine/missing' },
      });
      expect(mirror.upstream.asked).toEqual(['test.cvd']);
      expect(await namesIn(mirror.store)).toEqual([]);
    });
  });
});

/** Neither colours nor lines that rewrite themselves. */
function isPlain(text: string): boolean {
  return !text.includes('\r') && !text.includes('\x1b');
}
