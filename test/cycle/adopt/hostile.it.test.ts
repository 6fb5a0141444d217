import {
  chmod,
  chown,
  copyFile,
  link,
  mkdir,
  open,
  readFile,
  rename,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SIGN_BYTES } from '../../../scripts/base/limits/databases.ts';
import { searchPath } from '../../../scripts/settings/environment.ts';
import { run } from '../../../scripts/setup/programs.ts';
import { trusting } from '../../support/clamav/engines.ts';
import { runCli } from '../../support/mirror/cli.ts';
import { describeMirror, faults, ofTest, published, startMirror } from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';
import { startSignedMirror } from '../../support/sign/signed-mirror.ts';
import { fateOf, fates, folderAt, folderOf, traces } from './folder.ts';

const quick = { openProver: async () => trusting };

describeMirror('a hostile folder', () => {
  test('gives nothing but what is proven, is never waited for, and stays as it was', async () => {
    await using mirror = await startMirror(6);
    const given = await folderOf(mirror, {
      'test.cvd': 'test-4.cvd',
      'test-2.cdiff': 'test-3.cdiff', // another one
      'test-4.cdiff': 'test-4.cdiff',
    });
    const at = (name: string) => join(given, name);
    await run(['mkfifo', at('test-5.cdiff')], {
      path: searchPath(),
      environment: process.env,
      timeout: 60_000,
    });
    await symlink(official('test-3.cdiff'), at('test-3.cdiff'));
    await mkdir(at('test-6.cdiff'));
    const genuine = await readFile(official('test-6.cvd'));
    await writeFile(at('test-6.cvd'), genuine.subarray(0, -1)); // its header is signed
    await copyFile(official('bytecode.cvd'), at('test-336.cvd'));
    await writeFile(at('test.cld'), 'ClamAV-VDB:');
    await writeFile(at('test-4.cdiff.sign'), Buffer.alloc(SIGN_BYTES + 1, '#'));
    await writeFile(at('test-4.cvd.sign'), '<html>');
    await using huge = await open(at('test-9.cdiff'), 'w');
    await huge.truncate(2 ** 41);
    for (const name of ['\u001b[2Jx', '##[error]x', 'a\nb', 'archive', '..cvd', `${'x'.repeat(250)}.cvd`])
      await writeFile(at(name), 'x');
    const before = await traces(given);

    const report = await mirror.sync({ ...quick, flags: { adopt: given } });
    expect(ofTest(report)).toMatchObject({ outcome: 'published', from: null, to: 6, how: 'rebuilt' });
    expect(await traces(given)).toEqual(before);
    expect(await faults(mirror.store)).toEqual([]);
    expect(fates(report)).toEqual({
      'test.cvd': 'adopted',
      'test-4.cdiff': 'adopted',
      ...Object.fromEntries(
        ['test-2.cdiff', 'test-3.cdiff', 'test-5.cdiff', 'test-6.cdiff', 'test-6.cvd', 'test-336.cvd']
          .concat(['test.cld', 'test-4.cdiff.sign', 'test-4.cvd.sign', 'test-9.cdiff'])
          .map((name) => [name, 'unproven']),
      ),
      ...Object.fromEntries(['\u001b[2Jx', '##[error]x', 'a\nb', 'archive'].map((name) => [name, 'foreign'])),
      ...Object.fromEntries(['..cvd', `${'x'.repeat(250)}.cvd`].map((name) => [name, 'unproven'])),
    });
    for (const file of report.adoption?.files ?? []) {
      if (file.outcome !== 'adopted') expect(file.reason, file.name).toEqual(expect.any(String));
    }
  });

  test('prints no name that a terminal or a runner would obey', async () => {
    await using mirror = await startMirror(4);
    const given = await folderAt(mirror, 4);
    for (const name of ['\u001b[2Jx', '##[error]x', '::error::x', 'a\n::error::b'])
      await writeFile(join(given, name), 'x');
    const ran = await runCli(['sync', ...mirror.flags({ adopt: given })]);
    expect(ran.exitCode).toBe(0);
    for (const text of ['\u001b', '##[error]', '\n::error::']) expect(ran.stderr).not.toContain(text);
  });

  test('that others own, and in which not all can be read, gives what can be', async () => {
    await using mirror = await startMirror(4);
    const given = await folderAt(mirror, 4);
    await rename(join(given, 'test-4.cdiff'), join(given, 'x'));
    await symlink('x', join(given, 'test-4.cdiff'));
    await link(join(given, 'test-3.cdiff'), join(given, 'another-name'));
    await chmod(given, 0o555);
    if (process.getuid?.() === 0) await chown(join(given, 'test.cvd'), 65_534, 65_534);
    const report = await mirror.sync({ ...quick, flags: { adopt: given } });
    await chmod(given, 0o755);
    expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 4, how: 'adopted' });
    expect(fateOf(report, 'test-4.cdiff')?.outcome).toBe('unproven');
    expect(fateOf(report, 'test-3.cdiff')?.outcome).not.toBe('unproven');
  });

  test('through a link is taken for what it leads to', async () => {
    await using mirror = await startMirror(4);
    const given = await folderAt(mirror, 4);
    const linked = join(mirror.folder, 'linked');
    await symlink(given, linked);
    expect(ofTest(await mirror.sync({ ...quick, flags: { adopt: linked } }))).toMatchObject({
      how: 'adopted',
    });
    const own = join(mirror.folder, 'own');
    await symlink(mirror.store, own);
    const before = await published(mirror.store);
    expect(await mirror.sync({ ...quick, flags: { adopt: own } })).toMatchObject({
      error: { code: 'adopt/folder' },
    });
    expect(await published(mirror.store)).toEqual(before);
  });
});

describeMirror('an adopted .sign', () => {
  test('is published with its file if it is good, and upstream is not asked for it', async () => {
    await using mirror = await startSignedMirror(4);
    const given = await folderAt(mirror, 4);
    const names = ['test-4.cvd.sign', 'test-3.cdiff.sign', 'test-4.cdiff.sign'];
    for (const name of names) await writeFile(join(given, name), await bytesOf(mirror.signed.file(name)));
    for (const name of names) mirror.upstream.remove(name);
    const report = await mirror.syncAt(new Date(), { ...quick, flags: { adopt: given } });
    expect(ofTest(report)).toMatchObject({ outcome: 'published', how: 'adopted' });
    expect(fates(report)).toMatchObject(Object.fromEntries(names.map((name) => [name, 'adopted'])));
    expect(mirror.upstream.asked.filter((name) => names.includes(name))).toEqual([]);
  });

  test('of a known signer who did not sign that file bars the file too', async () => {
    await using mirror = await startSignedMirror(4);
    const given = await folderAt(mirror, 4);
    const wrong = await bytesOf(mirror.signed.file('test-3.cvd.sign'));
    await writeFile(join(given, 'test-4.cvd.sign'), wrong);
    const report = await mirror.syncAt(new Date(), { ...quick, flags: { adopt: given } });
    expect(fates(report)).toMatchObject({ 'test.cvd': 'unproven', 'test-4.cvd.sign': 'unproven' });
    expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 4, how: 'downloaded' });
  });
});

async function bytesOf(file: Uint8Array | string): Promise<Uint8Array> {
  return typeof file === 'string' ? await readFile(file) : file;
}
