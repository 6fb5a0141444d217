import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { run } from '../../scripts/engine/engine.ts';
import { openEngines } from '../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { programs as knownPrograms } from '../../scripts/settings/environment.ts';
import { fLevelOf, updateTo6 } from '../proof/engines/in-containers.ts';
import { describeWithPodman, podman, podmanImage, sleepingContainer } from '../support/docker/podman.ts';
import { describeWithOfficial } from '../support/setup/official.ts';
import { freePort } from '../support/web/ports.ts';

describeWithPodman('podman', () => {
  describeWithOfficial("with Talos' databases", () => {
    test('proves by an image and by a running container', async () => {
      const work = await mkdtemp(join(tmpdir(), 'podman work: a,b '));
      const programs = await mkdtemp(join(tmpdir(), 'programs-')); // no PATH has room for a colon
      await writeFile(join(programs, 'docker'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
      const path = [programs, process.env.PATH].join(delimiter);
      const before = containers();
      const id = sleepingContainer();
      try {
        const specs = [`docker:${podmanImage()}`, `container:${id}`].map(parseEngineSpec);
        for (const engine of await openEngines(specs, { ...knownPrograms(), path, work, log: SILENT })) {
          expect(engine.fLevel).toEqual(fLevelOf(engine.version));
          const folder = await mkdtemp(join(work, 'client '));
          await mkdir(join(folder, 'db'));
          await updateTo6(engine, folder);
          const lines = ['Foreground yes', 'TCPAddr 127.0.0.1', `TCPSocket ${await freePort()}`, ''];
          await writeFile(join(folder, 'clamd.conf'), lines.join('\n'));
          const args = (at: string) => [`--config-file=${at}/clamd.conf`, `--datadir=${at}/db`];
          const ended = await run(engine, { tool: 'clamd', folder, args, timeout: 3000 });
          expect(ended).toMatchObject({ exitCode: null, timedOut: true });
          const what = { tool: 'clamscan', folder, args: () => ['--what'], timeout: 60_000 } as const;
          expect(await run(engine, what)).toMatchObject({ exitCode: 2 });
        }
        expect(containers().filter((one) => !before.includes(one))).toEqual([id]);
        expect(podman('top', id, 'args')).not.toMatch(/clamd/);
      } finally {
        podman('rm', '--force', '--time=0', '--volumes', id);
        await rm(programs, { recursive: true });
        await rm(work, { recursive: true });
      }
    }, 180_000);
  });
});

function containers(): string[] {
  return podman('ps', '--all', '--quiet', '--no-trunc').split('\n');
}
