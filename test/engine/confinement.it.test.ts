import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findConfined } from '../../scripts/engine/confinement.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { type FakeTools, fakeTools } from '../support/clamav/engines.ts';
import { mounts } from '../support/machine/mounts.ts';
import { describeMirror, namesIn, startPublished, untouched } from '../support/mirror/cycle.ts';
import { describeWith } from '../support/setup/official.ts';

/** Shows a tool what Debian's profile of AppArmor lets it see: of the rest, its folders are empty. */
const only = (...hidden: readonly string[]) =>
  `exec unshare --mount sh -c 'for at in ${hidden.join(' ')}; do [ ! -d "$at" ] || mount -t tmpfs tmpfs "$at" || exit; done; exec "$@"' sh "$REAL" "$@"`;
const ELSEWHERE = [homedir(), '/home', '/srv', '/mnt', '/opt', '/media'];
/** `user-tmp` has /tmp and /var/tmp, and clamd's profile only /tmp. */
const PROFILES = { freshclam: only(...ELSEWHERE), clamd: only(...ELSEWHERE, '/var/tmp') };

async function confinedTools(): Promise<FakeTools> {
  const confined = `case "$0" in */clamd) ${PROFILES.clamd} ;; *) ${PROFILES.freshclam} ;; esac`;
  return await fakeTools(PROFILES, { confined });
}

describeWith(mounts)('tools that AppArmor confines as Debian does', () =>
  describeMirror('of a mirror', () => {
    test.each([
      ['freshclam', homedir()],
      ['clamd', '/var/tmp'],
    ])('are found out before anything is downloaded: %s, with the work folder in %s', async (tool, base) => {
      const work = await mkdtemp(join(base, '.clamav-mirror-test-'));
      try {
        await using mirror = await startPublished(1, 6);
        await using tools = await confinedTools();
        const run = await untouched(mirror, () =>
          mirror.syncCli(['--work', work], { environment: { PATH: tools.path } }),
        );
        expect(run.exitCode, run.stdout).toBe(1);
        expect(run.json()).toMatchObject({ outcome: 'failed', error: { code: 'engine/confined' } });
        const { error } = run.json() as { error: { message: string } };
        expect(error.message).toMatch(new RegExp(`${tool} may not read in ${work}`));
        expect(error.message).toMatch(/AppArmor.*\/tmp.*\/etc\/apparmor\.d\/local\/usr\.s?bin.*--engines/);
        expect(mirror.upstream.asked).toEqual(['test.cvd']); // the probe
        expect(JSON.parse(await readFile(join(work, 'state.json'), 'utf8')).quarantine).toEqual({});
        expect((await namesIn(work)).filter((name) => name.startsWith('clamav-trial'))).toEqual([]);
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    });

    test('prove with a work folder below /tmp', async () => {
      await using mirror = await startPublished(1, 6);
      await using tools = await confinedTools();
      const work = await mkdtemp('/tmp/clamav-mirror-test-');
      try {
        const environment = { PATH: tools.path, TMPDIR: '/tmp' };
        const run = await mirror.syncCli(['--work', work], { environment });
        expect(run.json(), run.stderr).toMatchObject({ outcome: 'published' });
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    });

    test('are no finding where nobody confines them', async () => {
      await using mirror = await startPublished(1, 6);
      const engine = await findNativeEngine(process.env.PATH ?? '');
      expect(await findConfined(engine, mirror.work)).toBeUndefined();
    });
  }),
);
