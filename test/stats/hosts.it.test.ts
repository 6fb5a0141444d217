import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startHost } from '../../scripts/host/host.ts';
import { describeWithWebServers } from '../probe/support.ts';
import { startWebServer, WEB_SERVERS, withOptions } from '../support/web/web-servers.ts';

const PATHS = ['local_stats/', 'local_stats/index.html', 'local_stats/stats.json'];
const PASSWORD = `Basic ${btoa('admin:secret')}`;
/** `caddy hash-password --plaintext secret` */
const CADDY_HASH = '$2a$14$tJ2XhnsdJI5OoF82EbE0LeypRZ8TLyI2kVOKwbzo8Ja7KQZy4IMtu';
/** A folder of a mirror with a page of statistics, and what else may lie beside it. */
async function storeWithStats(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stats-hosts-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'local_stats'));
  for (const name of ['index.html', 'stats.json', 'other.json', '.hidden'])
    await writeFile(join(folder, 'local_stats', name), `{"this is": "${name}"}`);
  await writeFile(join(folder, 'test.cvd'), 'a database');
  return folder;
}

/** Switches on the options of the statistics alone, with the user `admin` and the password `secret`. */
function withStats(users: string): (config: string) => string {
  return (config) =>
    config
      .replaceAll(/(?:^\s*#: .*\n)+/gm, (block) =>
        block.includes('local_stats') ? withOptions(block) : block,
      )
      .replaceAll(/\/etc\/\w+\/clamav-mirror-stats\.(htpasswd|users)/g, users)
      .replace(/(?<=admin )\$2a\$14\$CHANGE\w+/, CADDY_HASH.replaceAll('$', '$$$$'));
}

async function statusOf(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers, redirect: 'manual' });
  await response.arrayBuffer();
  return response.status;
}

test('the built-in host has no password, and so serves no statistics', async () => {
  await using host = await startHost({ folder: await storeWithStats() });
  for (const path of [...PATHS, 'local_stats', 'local_stats/other.json', '%6cocal_stats/index.html'])
    expect(await statusOf(`${host.url}/${path}`), path).toBe(404);
  expect(await statusOf(`${host.url}/test.cvd`)).toBe(200);
});

describeWithWebServers('statistics behind real web servers', () => {
  test.for(WEB_SERVERS)('%s serves none as it is', async (name) => {
    await using server = await startWebServer(name, await storeWithStats());
    for (const path of PATHS) expect(await statusOf(`${server.url}/${path}`), path).toBe(404);
    expect(await statusOf(`${server.url}/test.cvd`)).toBe(200);
  });

  test.for(WEB_SERVERS)('%s shows them to those who have the password', async (name) => {
    const users = await mkdtemp(join(tmpdir(), 'stats-users-'));
    onTestFinished(() => rm(users, { recursive: true, force: true }));
    await chmod(users, 0o755);
    const sha1 = createHash('sha1').update('secret').digest('base64');
    await writeFile(join(users, 'file'), `admin:${name === 'lighttpd' ? 'secret' : `{SHA}${sha1}`}\n`);
    const store = await storeWithStats();
    await using server = await startWebServer(name, store, withStats(join(users, 'file')));
    for (const path of PATHS) {
      expect(await statusOf(`${server.url}/${path}`), path).toBe(401);
      expect(await statusOf(`${server.url}/${path}`, { authorization: `Basic ${btoa('admin:wrong')}` })).toBe(
        401,
      );
      const shown = await fetch(`${server.url}/${path}`, { headers: { authorization: PASSWORD } });
      expect(shown.status, path).toBe(200);
      expect(await shown.text()).toBe(`{"this is": "${path.split('/')[1] || 'index.html'}"}`);
    }
    for (const path of ['local_stats/other.json', 'local_stats/.hidden'])
      expect(await statusOf(`${server.url}/${path}`, { authorization: PASSWORD }), path).not.toBe(200);
    expect(await statusOf(`${server.url}/test.cvd`), 'clients need no password').toBe(200);
  });
});
