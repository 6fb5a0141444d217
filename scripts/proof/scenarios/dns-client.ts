import { dnsRecordsFor } from '../../cvd/dns-record.ts';
import {
  isFullDownload,
  plant,
  requestText,
  requireStagedVersions,
  stagedCvd,
  update,
} from '../clients/freshclam.ts';
import { NameserverError, startNameserver } from '../clients/nameserver.ts';
import { type Scenario, ScenarioFailure, ScenarioSkipped } from './scenario.ts';

/** Name of the record. Any name will do, because clients set theirs by DNSDatabaseInfo. */
const RECORD = 'current.cvd.mirror.invalid';

export const dnsClient: Scenario = {
  name: 'a client that is told versions by our own DNS record needs no probe',
  client: 'dns',
  async play(scene) {
    if (!scene.engine.canAskNameserver) throw new ScenarioSkipped('this engine cannot be given a nameserver');
    const asked: string[] = [];
    const records = dnsRecordsFor(scene.candidate.staged, RECORD, new Date());
    await using nameserver = await startNameserver(
      records,
      (name) => void (records.has(name) && asked.push(name)),
    ).catch((error) => {
      throw error instanceof NameserverError ? new ScenarioSkipped(error.message) : error;
    });
    const { staged, published } = scene.candidate;
    const unchanged = [...staged].filter(([name, { version }]) => published.get(name)?.version === version);
    await plant(
      scene,
      unchanged.map(([name]) => [name, stagedCvd(scene.candidate, name)]),
    );
    const dns = { nameserver: nameserver.address, record: RECORD };
    const first = await update(scene, { dns });
    const arrived = await requireStagedVersions(scene, first.run);
    const again = await update(scene, { dns });
    await requireStagedVersions(scene, again.run);
    const probe = [...first.requests, ...again.requests].find(
      (line) => !isFullDownload(line) && !line.path.endsWith('.sign'),
    );
    if (probe !== undefined)
      throw new ScenarioFailure(`DNS should do, and it asked for ${requestText(probe)}`);
    return `${arrived}; asked DNS for ${[...new Set(asked)].join(', ')}: ${records.get(RECORD)}`;
  },
};
