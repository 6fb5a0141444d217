import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { SILENT } from '../../../scripts/base/log.ts';
import { openEngines } from '../../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../../scripts/engine/spec.ts';
import { proveWith } from '../../../scripts/proof/prove.ts';
import { describeWithImages, image } from '../../support/docker/docker.ts';
import { docker } from '../../support/docker/of-this-run.ts';
import { describeMirror, startMirror } from '../../support/mirror/cycle.ts';
import { words } from '../../support/runner/services.ts';

const WORKFLOW = join(import.meta.dirname, '../../../.github/workflows/mirror.yml');

/** As the runner starts a service, but for the network, with the options that mirror.yml gives it. */
async function startService(name: 'newest' | 'oldest'): Promise<string> {
  const { jobs } = parse(await readFile(WORKFLOW, 'utf8'));
  const { options, entrypoint, command } = jobs.mirror.services[name];
  const line = [...words(options), `--entrypoint=${entrypoint}`, image(name), ...words(command)];
  return await docker('run', '--detach', ...line);
}

describeMirror('the services of mirror.yml', () =>
  describeWithImages('newest', 'oldest')('as confined as they are there', () => {
    test.each(['newest', 'oldest'] as const)('prove everything that they prove without: %s', async (name) => {
      await using mirror = await startMirror(5);
      const id = await startService(name);
      try {
        const specs = [parseEngineSpec(`container:${id}`)];
        const engines = await openEngines(specs, {
          path: process.env.PATH ?? '',
          work: mirror.work,
          log: SILENT,
        });
        const prove = proveWith(engines, { now: () => new Date() });
        const report = await mirror.sync({ openProver: async () => prove });
        expect(report, JSON.stringify(report.proof?.results)).toMatchObject({ outcome: 'published' });
        expect(report.proof?.results.filter(({ result }) => result === 'passed').length).toBeGreaterThan(5);
        const { HostConfig: config } = JSON.parse(await docker('inspect', id))[0];
        expect(config.CapDrop).toEqual(['ALL']);
        expect(config.Memory).toBeGreaterThan(2 ** 31);
        const status = await docker(
          'exec',
          '--user=0:0',
          id,
          'sh',
          '-c',
          'grep -E "^(CapEff|NoNewPrivs)" /proc/self/status',
        );
        expect(status).toMatch(/NoNewPrivs:\s+1/);
      } finally {
        await docker('rm', '--force', id);
      }
    });
  }),
);
