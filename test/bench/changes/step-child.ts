import { join } from 'node:path';
import { changesByCdiffAlone, changesByCdiffs } from '../../../scripts/changes/from-cdiffs.ts';
import { changesByDatabases } from '../../../scripts/changes/from-databases.ts';
import { countsOf } from '../../../scripts/changes/step.ts';
import { readProvenCvd } from '../../../scripts/changes/unpack.ts';
import { chunksOfSync } from '../../../scripts/files/open.ts';
import { report } from '../support.ts';

/** Works out what changed between two versions of daily, in one of the ways to do so; or only inflates the old one. */
const { way, folder, old, next, cdiff } = JSON.parse(process.argv[2] ?? '');
const source = { version: 2, bytes: () => chunksOfSync(cdiff) };
await report(async () => {
  const cpu = process.cpuUsage();
  const counts = await found();
  const { user, system } = process.cpuUsage(cpu);
  return { ...counts, cpuSeconds: (user + system) / 1e6 };
});

async function found(): Promise<object> {
  switch (way) {
    case 'inflate':
      return await readProvenCvd(old, { entry: () => {}, data: () => {} });
    case 'cdiff': {
      const [step] = await changesByCdiffs('daily', old, [source], join(folder, 'unpacked'));
      return step ? countsOf(step) : {};
    }
    case 'cdiff alone':
      return countsOf(changesByCdiffAlone('daily', source));
    default:
      return countsOf(await changesByDatabases('daily', old, next));
  }
}
