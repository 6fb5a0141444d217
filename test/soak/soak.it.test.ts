import { chmod, mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, inject, test } from 'vitest';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { describeWithCeph } from '../support/s3/s3.ts';
import { sampled } from '../support/sample.ts';
import { clamav, describeWith, describeWithClamav } from '../support/setup/official.ts';
import { startWebServer, WEB_SERVERS } from '../support/web/web-servers.ts';
import { STATES } from './client.ts';
import type { Publisher } from './mirror.ts';
import { type SoakParts, type SoakPlan, type SoakResult, soak } from './soak.ts';

const describeWithWebServers = describeWith(inject('webServers'));

const PLAN: SoakPlan = {
  updates: sampled(36, 60),
  hosts: ['s3', 'nginx', 'lighttpd', 'caddy'],
  engines: ['native', 'oldest'],
  seed: 1,
};

/** What every part has that no test changes. */
const parts = () => ({ clamav: clamav(), image, label: inject('run') });

function faults({ updates }: SoakResult): string[] {
  return updates.flatMap(({ host, engine, state, faults }) =>
    faults.map((fault) => `${host}, ${engine}, ${state} before: ${fault}`),
  );
}

describeWithClamav('while one version after the other is published', () => {
  describeWithWebServers('by way of nginx, lighttpd and Caddy', () => {
    describeWithImages('oldest')('and the oldest ClamAV too', () => {
      describeWithCeph('and from a bucket', (ceph) => {
        test('real clients see no error and no mixed state', { timeout: 180_000 }, async () => {
          const result = await soak(PLAN, { ...parts(), ceph });
          expect(faults(result)).toEqual([]);
          expect(result.updates).toHaveLength(PLAN.updates);
          expect(new Set(result.updates.map(({ host, engine }) => `${host} ${engine}`)).size).toBe(8);
          expect(new Set(result.updates.map(({ state }) => state))).toEqual(new Set(STATES));
          expect(result.updates.filter(({ during }) => during)).not.toEqual([]);
          expect(Math.min(...Object.values(result.publications))).toBeGreaterThan(0);
        });
      });
    });

    test.for<[string, Pick<SoakParts, 'publisher' | 'change'>, RegExp]>([
      ['a CVD before its CDIFF', { publisher: cvdFirst }, /Can't download daily-\d+\.cdiff/],
      ['a CVD in place, in two halves', { publisher: inPlace }, /ERROR/],
      ['403 for what is missing', { change: forbidding }, /cool-down/],
    ])('%s is a fault that is seen', async ([, broken, expected]) => {
      const plan: SoakPlan = { ...PLAN, updates: 24, hosts: ['nginx'], engines: ['native'] };
      const result = await soak(plan, { ...parts(), ...broken });
      expect(faults(result).join('\n')).toMatch(expected);
    });
  });
});

/** For clients that are one version behind, there is nothing to update with in between. */
function cvdFirst(folder: string): Publisher {
  return async ({ version, cvd, cdiff }, seen) => {
    seen.begun();
    await writeFile(join(folder, '.new'), await readFile(cvd));
    await rename(join(folder, '.new'), join(folder, 'daily.cvd'));
    await wait(BROKEN);
    await writeFile(join(folder, `daily-${version}.cdiff`), cdiff);
    seen.done();
  };
}

function inPlace(folder: string): Publisher {
  return async ({ version, cvd, cdiff }, seen) => {
    seen.begun();
    await writeFile(join(folder, `daily-${version}.cdiff`), cdiff);
    const bytes = await readFile(cvd);
    const file = await open(join(folder, 'daily.cvd'), 'w');
    const half = Math.floor(bytes.length / 2);
    await file.write(bytes.subarray(0, half));
    await wait(BROKEN);
    await file.write(bytes.subarray(half));
    await file.close();
    seen.done();
  };
}

function forbidding(config: string): string {
  return config.replaceAll('=404', '=403').replaceAll('return 404', 'return 403');
}

/** How long a mirror stays as it must not be. Milliseconds. */
const BROKEN = 800;

describeWithWebServers('with our configuration', () => {
  test.for(WEB_SERVERS)('%s serves a file the moment that it is published', async (name) => {
    const folder = await mkdtemp(join(tmpdir(), 'soak-'));
    try {
      await chmod(folder, 0o755);
      await using server = await startWebServer(name, folder);
      for (let version = 1; version <= 20; version++) {
        const cdiff = `${server.url}/daily-${version}.cdiff`;
        expect((await fetch(cdiff)).status).toBe(404);
        await writeFile(join(folder, '.new'), String(version));
        await rename(join(folder, '.new'), join(folder, 'daily.cvd'));
        await writeFile(join(folder, `daily-${version}.cdiff`), '');
        expect(await (await fetch(`${server.url}/daily.cvd`)).text()).toBe(String(version));
        expect((await fetch(cdiff)).status).toBe(200);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
