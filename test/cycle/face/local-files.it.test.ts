import { mkdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LOCAL_BYTES, LOCAL_FILES } from '../../../scripts/base/limits/page.ts';
import { trusting } from '../../support/clamav/engines.ts';
import { describeMirror, faults, namesIn, startMirror, type TestMirror } from '../../support/mirror/cycle.ts';

async function withFolder(mirror: TestMirror, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(mirror.folder, 'local');
  await mkdir(folder);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

/** A log that keeps its warnings. */
function recording() {
  const warnings: string[] = [];
  return { warnings, info() {}, warn: (line: string) => void warnings.push(line), progress() {} };
}

const quick = { openProver: async () => trusting };
const text = async ({ store }: TestMirror, name: string) => await readFile(join(store, name), 'utf8');

describeMirror('files of the owner', () => {
  test('come with the first publication, and the status page shows them', async () => {
    await using mirror = await startMirror(6);
    const local = await withFolder(mirror, {
      'local_notice.html': '<p>Moves on Monday',
      'local_ca.pem': 'PEM',
    });
    expect((await mirror.sync({ ...quick, flags: { local } })).outcome).toBe('published');
    expect(await text(mirror, 'local_ca.pem')).toBe('PEM');
    await mirror.sync({ ...quick, flags: { local } });
    expect(await text(mirror, 'index.html')).toContain('Moves on Monday');
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('are brought up to date by a cycle without news, and stay if the folder loses them', async () => {
    await using mirror = await startMirror(6);
    const local = await withFolder(mirror, { local_one: 'first', local_two: 'x' });
    await mirror.sync({ ...quick, flags: { local } });
    await writeFile(join(local, 'local_one'), 'other');
    expect((await mirror.sync({ ...quick, flags: { local } })).outcome).toBe('unchanged');
    expect(await text(mirror, 'local_one')).toBe('other');
    await mirror.sync(quick);
    expect(await text(mirror, 'local_two')).toBe('x');
  });

  test('with other names, kinds or sizes are named and left out', async () => {
    await using mirror = await startMirror(6);
    const local = await withFolder(mirror, {
      'test.cvd': 'x',
      'index.html': 'x',
      'local_a b': 'x',
      local_good: 'x',
    });
    await symlink('/etc/passwd', join(local, 'local_link'));
    await mkdir(join(local, 'local_folder'));
    await writeFile(join(local, 'local_large'), '');
    await truncate(join(local, 'local_large'), LOCAL_BYTES + 1);
    const log = recording();
    expect((await mirror.sync({ ...quick, log, flags: { local } })).outcome).toBe('published');
    const own = (await namesIn(mirror.store)).filter((name) => name.startsWith('local'));
    expect(own).toEqual(['local_good']);
    const warned = log.warnings.join('\n');
    for (const name of ['test.cvd', 'index.html', 'local_a b', 'local_link', 'local_folder', 'local_large'])
      expect(warned).toContain(name);
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('more of them than is plausible: only the first are published', async () => {
    await using mirror = await startMirror(6);
    const names = Array.from({ length: LOCAL_FILES + 1 }, (_, at) => `local_${1000 + at}`);
    const local = await withFolder(mirror, Object.fromEntries(names.map((name) => [name, 'x'])));
    await mirror.sync({ ...quick, flags: { local } });
    const own = (await namesIn(mirror.store)).filter((name) => name.startsWith('local'));
    expect(own).toEqual(names.slice(0, LOCAL_FILES));
  });

  test('that cannot be read fail no cycle', async () => {
    await using mirror = await startMirror(6);
    const local = join(mirror.folder, 'nowhere');
    const log = recording();
    expect((await mirror.sync({ ...quick, log, flags: { local } })).outcome).toBe('published');
    expect(log.warnings.join()).toContain('nowhere');
  });

  test('are not published by a dry run', async () => {
    await using mirror = await startMirror(6);
    const local = await withFolder(mirror, { local_one: 'first' });
    await mirror.sync(quick);
    await mirror.sync({ ...quick, flags: { local, 'dry-run': 'true' } });
    expect(await namesIn(mirror.store)).not.toContain('local_one');
  });
});
