import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli, startCli } from '../support/mirror/cli.ts';
import { startMirror, startPublished } from '../support/mirror/cycle.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';

describeWithOfficial('inspect', () => {
  test('shows what is in a genuine file, one JSON object for each', async () => {
    const { exitCode, stdout } = await runCli([
      'inspect',
      '--json',
      official('test-6.cvd'),
      official('test-2.cdiff'),
    ]);
    expect(exitCode).toBe(0);
    const [cvd, cdiff] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(cvd).toMatchObject({ verdict: 'proven', version: 6, signatures: 14, fLevel: expect.any(Number) });
    expect(cvd.files.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(['COPYING', 'test.info']),
    );
    expect(cdiff).toMatchObject({ verdict: 'proven', version: 2 });
  });

  test('shows what is in a forged file, and that it is not proven', async () => {
    await using mirror = await startMirror();
    const path = join(mirror.folder, 'test.cvd');
    const text = (await readFile(official('test-6.cvd'))).toString('latin1');
    await writeFile(path, text.replace(':6:', ':7:'), 'latin1');
    const { exitCode, stdout } = await runCli(['inspect', path]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ {2}verdict +unproven$/m);
    expect(stdout).toMatch(/^ {2}version +7$/m);
  });

  test('exits with 1 if a file cannot be read', async () => {
    expect((await runCli(['inspect', official('test-9.cvd'), official('test-6.cvd')])).exitCode).toBe(1);
  });
});

describeWithOfficial('serve', () => {
  test('serves what is published, says each request, and ends well on SIGTERM', async () => {
    await using mirror = await startPublished(6, 6);
    await using command = startCli(['serve', '--store', mirror.store, '--port', '0', '--json']);
    const { url, store } = JSON.parse(await command.line());
    expect(store).toBe(mirror.store);
    const answer = await fetch(`${url}/test.cvd`, { headers: { range: 'bytes=0-511' } });
    expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([206, 512]);
    expect(JSON.parse(await command.line())).toMatchObject({
      method: 'GET',
      path: '/test.cvd',
      status: 206,
      bytes: 512,
      client: '127.0.0.1',
      at: expect.stringMatching(/^20.*Z$/),
    });
    expect((await fetch(`${url}/test-9.cdiff`)).status).toBe(404);
    expect(await command.end('SIGTERM')).toEqual({ exitCode: 0, stderr: '' });
  });

  test('hides what clients would take for a database and the manifest does not name, and nothing else', async () => {
    await using mirror = await startPublished(5, 5);
    for (const name of ['test.cld', 'main.cvd', 'test-1.cdiff', 'local_x.cld', 'index.html', 'rules.ndb'])
      await writeFile(join(mirror.store, name), 'put there by somebody');
    await using command = startCli(['serve', '--store', mirror.store, '--port', '0', '--json']);
    const { url } = JSON.parse(await command.line());
    const statusOf = async (name: string) => (await fetch(`${url}/${name}`)).status;
    for (const name of ['test.cld', 'main.cvd', 'test-1.cdiff', 'test.cld?version=5'])
      expect(await statusOf(name), name).toBe(404);
    const served = ['test.cvd', 'test-5.cdiff', 'manifest.json', 'timestamp', 'local_x.cld', '', 'rules.ndb'];
    for (const name of served) expect(await statusOf(name), name).toBe(200);
    // a publication under way, and the end of one
    await writeFile(
      join(mirror.store, 'test-6.cdiff'),
      'a step to a version that the manifest does not know yet',
    );
    expect(await statusOf('test-6.cdiff')).toBe(200);
    const manifest = join(mirror.store, 'manifest.json');
    const text = await readFile(manifest, 'utf8');
    await writeFile(`${manifest}.next`, text.replace('"test-2.cdiff"', '"test-1.cdiff"'));
    await rename(`${manifest}.next`, manifest);
    expect([await statusOf('test-1.cdiff'), await statusOf('test-2.cdiff')]).toEqual([200, 404]);
    await rm(manifest);
    expect(await statusOf('test.cld')).toBe(200);
  });

  test('warns that nothing was ever published, and answers 404', async () => {
    await using mirror = await startMirror();
    await mkdir(mirror.store);
    await using command = startCli(['serve', '--store', mirror.store, '--port', '0']);
    const url = /http:\S+\d/.exec(await command.line())?.[0];
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect(await command.line()).toMatch(/^20\S+Z 127\.0\.0\.1 GET \/ 404 \d+ bytes? [\d.]+ m?s /);
    const { exitCode, stderr } = await command.end('SIGINT');
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^warning: nothing was ever published/);
  });

  test('exits with 1 if there is no such folder, or the port is taken', async () => {
    await using mirror = await startMirror();
    expect(await runCli(['serve', '--store', mirror.store])).toMatchObject({ exitCode: 1, stdout: '' });
    await mkdir(mirror.store);
    const { port } = new URL(mirror.upstream.url);
    expect(await runCli(['serve', '--store', mirror.store, '--port', port])).toMatchObject({
      exitCode: 1,
      stdout: '',
    });
  });
});
