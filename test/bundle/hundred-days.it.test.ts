import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { runCycle } from '../../scripts/cycle/cycle.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { trusting } from '../support/clamav/engines.ts';
import { makeChain } from '../support/databases/chain.ts';
import { testTrust } from '../support/databases/signing.ts';
import { published } from '../support/mirror/cycle.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { sampled } from '../support/sample.ts';
import { exported, otherSide } from './support.ts';

const DAYS = sampled(12, 100);

/** Signatures of a day: a few come, a few go. */
function day(number: number): ReadonlyMap<string, Uint8Array> {
  const lines = Array.from({ length: 50 }, (_, at) => {
    const id = number * 3 + at;
    return `${id.toString(16).padStart(32, '0')}:${1000 + id}:Test.Day-${id}\n`;
  });
  return new Map([['daily.hdb', Buffer.from(lines.join(''))]]);
}

test(`${DAYS} days in as many bundles, or in one, lead to the same bytes`, async () => {
  const chain = makeChain(
    'daily',
    Array.from({ length: DAYS }, (_, at) => day(at)),
  );
  await using one = await otherSide();
  await using all = await otherSide();
  await using here = await otherSide();
  await using upstream = await startUpstream(new Map());
  const trust = testTrust();
  const settings = syncSettings({
    flags: { upstream: upstream.url, dns: 'off', databases: 'daily', store: here.store, work: here.work },
    environment: {},
  });
  const bundles: string[] = [];
  for (const { version, cvd, cdiff } of chain) {
    upstream.set('daily.cvd', cvd);
    if (cdiff !== undefined) upstream.set(`daily-${version}.cdiff`, cdiff);
    const deps = { store: new FolderStore(here.store), log: SILENT, now: () => new Date(), trust };
    const report = await runCycle(settings, { ...deps, openProver: async () => trusting });
    expect(report.outcome).toBe('published');
    const to = join(here.folder, `${version}.tar`);
    await exported(here, to);
    bundles.push(to);
    expect((await one.take([to], { trust })).outcome).toBe('published');
  }
  await all.take(bundles, { trust });
  const mirror = await published(here.store);
  expect(await published(one.store)).toEqual(mirror);
  const [withoutArchive, wanted] = [await published(all.store), mirror].map((files) =>
    Object.fromEntries(Object.entries(files).filter(([name]) => !name.startsWith('archive/'))),
  );
  expect(withoutArchive).toEqual(wanted);
});
