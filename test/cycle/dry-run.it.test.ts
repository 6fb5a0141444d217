import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { trusting } from '../support/clamav/engines.ts';
import { describeMirror, offer, startMirror } from '../support/mirror/cycle.ts';

const openProver = async () => trusting;

describeMirror('a dry run', () => {
  test('does everything but publish', async () => {
    await using mirror = await startMirror(6);
    const report = await mirror.sync({ flags: { 'dry-run': 'true' } });
    expect(report).toMatchObject({
      outcome: 'proven',
      databases: { test: { outcome: 'proven', from: null, to: null, offered: 6 } },
      proof: { passed: true },
    });
    expect(await readdir(mirror.folder)).not.toContain('mirror');
    expect((await mirror.sync({ openProver })).outcome).toBe('published');
  });

  test('does not even say that the mirror was checked', async () => {
    await using mirror = await startMirror(6);
    await mirror.sync({ openProver });
    const manifest = await readFile(join(mirror.store, 'manifest.json'), 'utf8');
    expect((await mirror.sync({ flags: { 'dry-run': 'true' } })).outcome).toBe('unchanged');
    expect(await readFile(join(mirror.store, 'manifest.json'), 'utf8')).toBe(manifest);
  });
});

describeMirror('a resync', () => {
  test('takes whole from upstream what is published already', async () => {
    await using mirror = await startMirror(6);
    await mirror.sync({ openProver });
    mirror.upstream.forget();
    const report = await mirror.sync({ flags: { resync: 'true' }, openProver });
    expect(report.databases.test).toMatchObject({ outcome: 'published', from: 6, to: 6, how: 'downloaded' });
    expect(mirror.upstream.sent('test.cvd')).toBeGreaterThan(522);
  });

  test('downloads what could be rebuilt', async () => {
    await using mirror = await startMirror(5);
    await mirror.sync({ openProver });
    offer(mirror, 6);
    const report = await mirror.sync({ flags: { resync: 'true' }, openProver });
    expect(report.databases.test).toMatchObject({ from: 5, to: 6, how: 'downloaded' });
  });
});
