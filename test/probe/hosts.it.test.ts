import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HEADER_SIZE, parseHeader } from '../../scripts/cvd/header.ts';
import { run } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { readStart } from '../../scripts/files/verify.ts';
import { startHost } from '../../scripts/host/host.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';
import { startWebServer, WEB_SERVERS } from '../support/web/web-servers.ts';
import { describeWithWebServers, probe, problems, problemsOfUnsigned, publishedMirror } from './support.ts';

describeMirror('probe', () => {
  let mirror: TestMirror;
  beforeAll(async () => {
    mirror = await publishedMirror();
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  test('gives the built-in host a clean bill, also when real freshclam and every byte are asked', async () => {
    await using host = await startHost({ folder: mirror.store });
    const report = await probe(host.url, { full: true, client: process.env.PATH ?? '' });
    expect(problems(report)).toEqual(await problemsOfUnsigned({ client: true }));
    expect(report).toMatchObject({ verdict: 'good', databases: { test: 6 } });
  });

  describeWithWebServers('with real web servers', () => {
    test.for(WEB_SERVERS)(
      'gives %s with our configuration a clean bill, and so does real freshclam',
      async (name) => {
        await using server = await startWebServer(name, mirror.store);
        const report = await probe(server.url, { full: true, client: process.env.PATH ?? '' });
        expect(problems(report)).toEqual(await problemsOfUnsigned({ client: true }));
      },
    );

    test.for(WEB_SERVERS)('%s takes real freshclam from version 1 to 6 by CDIFFs', async (name) => {
      await using server = await startWebServer(name, mirror.store);
      expect(await updatedByCdiffs(server.url)).toEqual(['test.cld 6']);
    });
  });
});

/** The databases of a real client, with their versions, that had version 1 and has updated from this mirror. */
async function updatedByCdiffs(url: string): Promise<string[]> {
  const engine = await findNativeEngine(process.env.PATH ?? '');
  const folder = await mkdtemp(join(tmpdir(), 'freshclam-'));
  const db = join(folder, 'db');
  await mkdir(db);
  await cp(official('test-1.cvd'), join(db, 'test.cvd'));
  const config = [`DatabaseMirror ${url}`, `DatabaseOwner ${engine.databaseOwner}`, 'MaxAttempts 1', ''];
  await writeFile(join(folder, 'freshclam.conf'), config.join('\n'));
  await run(engine, {
    tool: 'freshclam',
    folder,
    args: (at) => [
      `--config-file=${at}/freshclam.conf`,
      `--datadir=${at}/db`,
      '--no-dns',
      '--update-db=test',
    ],
    timeout: 60_000,
  });
  const names = (await readdir(db)).filter((name) => /\.c[vl]d$/.test(name));
  const versions = names.map(async (name) => {
    return `${name} ${parseHeader(await readStart(join(db, name), HEADER_SIZE)).version}`;
  });
  const found = await Promise.all(versions);
  await rm(folder, { recursive: true });
  return found;
}
