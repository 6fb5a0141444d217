import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseManifest } from '../../../scripts/mirror/manifest.ts';
import { describeMirror } from '../../support/mirror/cycle.ts';
import { describeWithCeph } from '../../support/s3/s3.ts';
import { attackedBucket, flipObject } from '../in-place.ts';
import { QUICK } from './allowing.ts';

const NAME = 'own.ndb';
const BEGIN = Date.parse('2026-06-01T12:00:00Z');

describeMirror('extras in a bucket', () => {
  describeWithCeph('of Ceph', (ceph) => {
    test('are published, replaced, healed and taken away as those of a folder', async () => {
      await using place = await attackedBucket(ceph, 6);
      const { mirror, store, bucket } = place;
      const folder = join(mirror.folder, 'extras');
      const list = join(mirror.folder, 'allow.json');
      await mkdir(folder);
      const own = async (text: string) => await writeFile(join(folder, NAME), text);
      const allow = async (...whats: string[]) =>
        await writeFile(list, JSON.stringify({ allow: whats.map((what) => ({ what, reason: 'a test' })) }));
      const cycle = async (hours: number, flags: Record<string, string>) =>
        await mirror.sync({
          ...{ ...QUICK, store, flags: { 'allow-list': list, ...flags } },
          now: () => new Date(BEGIN + hours * 3_600_000),
        });
      const textOf = async (name: string) => (await bucket.get(name))?.toString('utf8');
      const extra = { extra: `${NAME}=${join(folder, NAME)}` };

      await own('Own.Test-1:0:*:6f776e31\n');
      await allow('Win.Test-1');
      const first = await cycle(0, extra);
      expect(first).toMatchObject({ outcome: 'published', extras: { [NAME]: { outcome: 'published' } } });
      expect(await textOf(NAME)).toContain('Own.Test-1');
      expect(await textOf('local.ign2')).toContain('\nWin.Test-1\n');

      await own('Own.Test-2:0:*:6f776e32\n');
      await allow();
      await cycle(2, extra);
      expect(await textOf(NAME)).toContain('Own.Test-2');
      expect(await textOf('local.ign2')).not.toContain('Win.Test-1');

      await flipObject(bucket, NAME, 3);
      for (let day = 1; day <= 7; day++) await cycle(2 + 24 * day, { ...extra, retry: 'true' });
      expect(await textOf(NAME)).toContain('Own.Test-2');

      await cycle(200, {});
      expect(await textOf(NAME)).toBeUndefined();
      const { extras } = parseManifest((await store.readManifest())?.text ?? '', 'the bucket');
      expect(Object.keys(extras?.files ?? {})).toEqual(['local.ign2', 'local.sfp']);
    });
  });
});
