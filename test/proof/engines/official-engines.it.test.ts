import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SILENT } from '../../../scripts/base/log.ts';
import type { CycleReport } from '../../../scripts/cycle/report.ts';
import { openEngines } from '../../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../../scripts/engine/spec.ts';
import { proveWith } from '../../../scripts/proof/prove.ts';
import type { Proof } from '../../../scripts/proof/record.ts';
import { skippedHere, trusting } from '../../support/clamav/engines.ts';
import { describeWithImages, image, versionOf } from '../../support/docker/docker.ts';
import { docker } from '../../support/docker/of-this-run.ts';
import { describeMirror, faults, offer, startMirror } from '../../support/mirror/cycle.ts';
import { everyNth } from '../../support/sample.ts';

/** Official versions 1 to 6, published one by one and only the last one proven, so that clients of three retained versions can be tried. */
async function proveOfficialChain(engines: () => Promise<readonly string[]>): Promise<CycleReport> {
  await using mirror = await startMirror(1);
  const openProver = async () => {
    const specs = (await engines()).map(parseEngineSpec);
    const options = { path: process.env.PATH ?? '', work: mirror.work, log: SILENT };
    return proveWith(await openEngines(specs, options), { now: () => new Date() });
  };
  const unproven = { openProver: async () => trusting };
  await mirror.sync(unproven);
  for (const version of [3, 4, 5]) {
    offer(mirror, version);
    expect((await mirror.sync(unproven)).outcome).toBe('published');
  }
  offer(mirror, 6);
  const report = await mirror.sync({ openProver });
  expect(report.outcome, JSON.stringify(report)).toBe('published');
  expect(await faults(mirror.store)).toEqual([]);
  return report;
}

function resultsOf(proof: Proof | null, engine: string): string[] {
  const results = proof?.results.filter((one) => one.engine === engine && one.scenario !== FIPS) ?? [];
  return results.map(({ result, scenario }) => `${result}: ${scenario}`);
}

const SCENARIOS = [
  'a client with an empty folder arrives at the staged versions',
  'an up-to-date client costs one probe of at most 512 bytes per database',
  'clamscan, with what the client received, judges every sample rightly',
  'a client with the published versions arrives at the staged versions',
  'a client with test 1 arrives at the staged versions',
  'a client with test 3 arrives at the staged versions',
  'a client with test 4 arrives at the staged versions',
  'a client with ScriptedUpdates off takes the whole CVDs, byte for byte',
  'a PrivateMirror client gets the CVDs and saves no cool-down',
  'a client that is told versions by our own DNS record needs no probe',
  'clamd reloads to the staged versions while it scans, finds EICAR, and lives on',
];
const DNS = SCENARIOS[9] ?? '';

function expected(skipped: readonly string[]): string[] {
  return SCENARIOS.map((scenario) => `${skipped.includes(scenario) ? 'skipped' : 'passed'}: ${scenario}`);
}

/** Debian's package has no `.sign` files, so that no such client can be played. */
const FIPS = 'clients with FIPS limits take the databases';

describeMirror('the official chain', () => {
  describeWithImages('oldest', 'older')('is proven together', () => {
    let container: string;
    beforeAll(async () => {
      const options = ['--detach', '--rm', '--entrypoint=sleep'];
      container = (await docker('run', ...options, image('older'), '3600')).trim();
    });
    afterAll(async () => {
      await docker('rm', '--force', container);
    });

    test('by the native ClamAV, images, and a running container', { timeout: 300_000 }, async () => {
      const names = [
        'native',
        ...everyNth(2, [`docker:${image('oldest')}`, `docker:${image('older')}`]),
        `container:${container}`,
      ];
      const { proof } = await proveOfficialChain(async () => names);
      expect(proof?.engines.map(({ name }) => name)).toEqual(names);
      expect(proof?.engines[1]?.version).toBe(await versionOf(image('oldest')));
      expect(proof?.engines.at(-1)).toMatchObject({ version: await versionOf(image('older')) });
      expect(resultsOf(proof, 'native')).toEqual(expected(await skippedHere()));
      for (const name of names.slice(1, -1)) expect(resultsOf(proof, name)).toEqual(expected([]));
      // a running container cannot be given a nameserver
      expect(resultsOf(proof, names.at(-1) ?? '')).toEqual(expected([DNS]));
      const cdiffs = proof?.results.filter(({ scenario }) => scenario === SCENARIOS[4]);
      for (const { evidence } of cdiffs ?? []) expect(evidence).toBe('test.cld 6, by 5 CDIFFs');
    });
  });

  describe('with the native ClamAV alone', () => {
    test('is proven by every scenario', async () => {
      const { proof } = await proveOfficialChain(async () => ['native']);
      expect(resultsOf(proof, 'native')).toEqual(expected(await skippedHere()));
    });
  });
});
