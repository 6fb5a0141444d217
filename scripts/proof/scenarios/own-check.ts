import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readsSigns, run } from '../../engine/engine.ts';
import { type ConfOption, writeConf } from '../../files/clamav-conf.ts';
import { startHost } from '../../host/host.ts';
import { SCAN_LIMITS, writeSamples } from '../samples/samples.ts';
import { FOUND_BY_OWN, OWN_DATABASE, ownDatabase } from './own-database.ts';
import { scanSamples, until, withClamd } from './running-clamd.ts';
import { requireVerdicts } from './scan.ts';
import { inFolder, OutOfTime, type Scenario, ScenarioFailure, type Scene, tellingLine } from './scenario.ts';

/** Counts of signatures that put EICAR among the samples. Our own database has no other counts. */
const COUNTS = new Map([['test', 1]]);
const LOOPBACK = '127.0.0.1';

/**
 * Scenario that plays the tools of a failed one with a harmless database of our own: freshclam takes and loads it,
 * clamscan and clamd find EICAR with it. Without a published database, this tells a broken machine from a bad database.
 */
export function ownCheck({ client }: Pick<Scenario, 'client'>): Scenario {
  return {
    name: 'the tools work with a database of our own',
    client: 'own-check',
    async play(given) {
      const scene = { ...given, loaded: undefined }; // our own database says nothing of the candidate's
      const fips = client.startsWith('fips') && readsSigns(scene.engine);
      await takeOwnDatabase(scene, { fips, asksNameserver: client === 'dns' });
      const found = await scanWithIt(scene, fips);
      if (!scene.engine.tools.has('clamd')) return found;
      const options: ConfOption[] = fips ? [['FIPSCryptoHashLimits', true]] : [];
      return await withClamd(scene, options, async (program, clamd, over) => {
        await clamd.reload();
        const isReloaded = () => program.output().includes('Database correctly reloaded');
        await until(scene, over, 'clamd has reloaded', isReloaded);
        return await scanSamples(scene, clamd, COUNTS, FOUND_BY_OWN);
      });
    },
  };
}

async function takeOwnDatabase(
  scene: Scene,
  { fips, asksNameserver }: { readonly fips: boolean; readonly asksNameserver: boolean },
): Promise<void> {
  const { engine, folder, timeout } = scene;
  const served = join(folder, 'served');
  for (const path of [served, join(folder, 'db')]) await mkdir(path, { recursive: true });
  await writeFile(join(served, OWN_DATABASE), ownDatabase());
  await using host = await startHost({ folder: served, address: engine.hostAddress });
  await writeConf(join(folder, 'freshclam.conf'), [
    ['DatabaseMirror', host.url],
    ['DatabaseCustomURL', `${host.url}/${OWN_DATABASE}`],
    ['DatabaseOwner', engine.databaseOwner],
    ['TestDatabases', true],
    ...(fips ? [['FIPSCryptoHashLimits', true] as const] : []),
    ['MaxAttempts', 1],
    ['ConnectTimeout', 10],
    ['ReceiveTimeout', Math.ceil(timeout / 1000)],
  ]);
  const ended = await run(
    engine,
    inFolder(scene, {
      tool: 'freshclam',
      args: (at) => [
        `--config-file=${at}/freshclam.conf`,
        `--datadir=${at}/db`,
        '--no-dns',
        '--stdout',
        '--update-db=custom',
      ],
      ...(asksNameserver && { nameserver: LOOPBACK }), // a nameserver that is never asked
    }),
  );
  if (ended.timedOut) throw new OutOfTime(`freshclam was killed after ${timeout / 1000} s`);
  if (
    !ended.output.includes(`${OWN_DATABASE} updated`) &&
    !ended.output.includes(`${OWN_DATABASE} is up-to-date`)
  )
    throw new ScenarioFailure(`freshclam does not take a database of our own: ${tellingLine(ended)}`);
}

async function scanWithIt(scene: Scene, fips: boolean): Promise<string> {
  const samples = await writeSamples(join(scene.folder, 'samples'), COUNTS, []);
  let folder = '';
  const task = inFolder(scene, {
    tool: 'clamscan',
    args: (at) => {
      folder = `${at}/samples`;
      const limits = [...SCAN_LIMITS, ...(fips ? ['--fips-limits'] : [])];
      return [`--database=${at}/db`, ...limits, '--recursive', '--no-summary', folder];
    },
  });
  const ended = await run(scene.engine, task);
  const named = samples.map((sample) =>
    sample.expected instanceof RegExp ? { ...sample, expected: FOUND_BY_OWN } : sample,
  );
  return requireVerdicts(ended, folder, named);
}
