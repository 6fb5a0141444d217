import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { allow } from '../../scripts/cycle/extras/allow.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { openProver, trusting } from '../support/clamav/engines.ts';
import { FOUND_BY_TALOS } from '../support/databases/found-by-talos.ts';
import { describeMirror, manifestOf, offer, startMirror } from '../support/mirror/cycle.ts';
import { publishExtras } from '../support/mirror/published-extras.ts';
import { exported, otherSide } from './support.ts';

describeMirror('extras and an air gap', () => {
  test('are not carried, and those of the other side stay with an import', async () => {
    await using mirror = await startMirror(5);
    await using there = await otherSide();
    const bundle = async (name: string) => {
      await mirror.sync({ openProver: async () => trusting });
      await publishExtras(mirror.store, { 'own.ndb': '# of this side\n' });
      await exported(mirror, join(mirror.folder, name));
      return join(mirror.folder, name);
    };
    await there.take([await bundle('first.tar')]);
    const at = { store: there.store, work: there.work };
    expect((await manifestOf(at)).extras?.files ?? {}).toEqual({});

    const settings = syncSettings({ flags: { ...at, databases: 'test' }, environment: {} });
    const deps = {
      ...{ store: new FolderStore(there.store), openProver, trust: TALOS, log: SILENT },
      now: () => new Date(),
    };
    await allow(settings, { what: FOUND_BY_TALOS, reason: 'it flags our installer' }, deps);
    offer(mirror, 6);
    expect(await there.take([await bundle('second.tar')], { prove: true })).toMatchObject({
      outcome: 'published',
    });
    const { databases, extras } = await manifestOf(at);
    expect([databases.test?.version, Object.keys(extras?.files ?? {})]).toEqual([
      6,
      ['local.ign2', 'local.sfp'],
    ]);
    expect(await readFile(join(there.store, 'local.ign2'), 'utf8')).toContain(FOUND_BY_TALOS);
  });
});
