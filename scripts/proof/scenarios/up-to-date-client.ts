import { cvdName } from '../../cvd/names.ts';
import { isFullDownload, requestText, requireStagedVersions, update } from '../clients/freshclam.ts';
import { type Scenario, ScenarioFailure } from './scenario.ts';

/** Bytes at the start of a CVD that tell its version. */
const PROBE_SIZE = 512;

export const upToDateClient: Scenario = {
  name: 'an up-to-date client costs one probe of at most 512 bytes per database',
  client: 'fresh',
  async play(scene) {
    const { run, requests } = await update(scene);
    await requireStagedVersions(scene, run);
    const probes = requests.filter(({ path }) => !path.endsWith('.sign')); // ClamAV ≥ 1.5 asks for it each time
    const costly = probes.find((line) => line.bytes > PROBE_SIZE || isFullDownload(line));
    if (costly !== undefined) throw new ScenarioFailure(`it cost more than a probe: ${requestText(costly)}`);
    const expected = [...scene.candidate.staged.keys()].map((database) => `/${cvdName(database)}`);
    if (probes.map(({ path }) => path).join() !== expected.join()) {
      const asked = probes.map(requestText).join('; ') || 'nothing';
      throw new ScenarioFailure(`it should ask once for each database and asked for ${asked}`);
    }
    return probes.map(requestText).join(', ');
  },
};
