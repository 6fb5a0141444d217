import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cvdName } from '../../cvd/names.ts';
import { type Scenario, updateToStage } from './scenario.ts';

export const publishedClient: Scenario = {
  name: 'a client with the published versions arrives at the staged versions',
  client: 'published',
  async play(scene) {
    await mkdir(join(scene.folder, 'db'), { recursive: true });
    for (const [database, path] of scene.published) {
      await copyFile(path, join(scene.folder, 'db', cvdName(database)));
    }
    return await updateToStage(scene);
  },
};
