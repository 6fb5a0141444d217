import { chmod, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { searchPath } from '../../../scripts/settings/environment.ts';
import { findProgram, run } from '../../../scripts/setup/programs.ts';
import { freePort } from './ports.ts';
import { type Server, startServer } from './server.ts';
import { aroundNginx, HOSTS, nginxArguments } from './web-servers.ts';

export const CACHING_PROXIES = ['squid', 'nginx'] as const;
export type CachingProxyName = (typeof CACHING_PROXIES)[number];

/** Lines by which the minute for which a mirror lets caches keep a CVD is a day: what a test counts takes its time. */
const A_DAY = {
  squid: ['refresh_pattern . 0 0% 0', 'refresh_pattern . 1440 100% 1440 override-expire'],
  nginx: [
    'proxy_cache_revalidate on;',
    'proxy_ignore_headers Cache-Control Expires; proxy_cache_valid 200 1d;',
  ],
} as const;

/**
 * Starts a real squid or nginx with our configuration for a caching proxy in front of the mirror on this port of 127.0.0.1.
 */
export async function startCachingProxy(
  name: CachingProxyName,
  mirrorPort: number,
  { forADay = false } = {},
): Promise<Server> {
  const own = await mkdtemp(join(tmpdir(), `${name}-cache-`));
  await chmod(own, 0o777); // they run as another user
  const port = await freePort();
  const main = join(own, 'main.conf');
  const file = name === 'squid' ? 'squid.conf' : 'nginx-proxy-cache.conf';
  const [minute, day] = A_DAY[name];
  const text = await readFile(join(HOSTS, file), 'utf8');
  const ours = forADay ? text.replace(minute, day) : text;
  await writeFile(main, await configFor(name, ours, { own, port, mirrorPort }));
  const program = (await findProgram(name, { path: searchPath() })) ?? name;
  const env = { PATH: process.env.PATH ?? '' };
  if (name === 'squid')
    await run([program, '-N', '-z', '-f', main], { path: env.PATH, environment: env, timeout: 60_000 });
  const args = name === 'squid' ? ['-N', '-f', main] : nginxArguments(main, own);
  return await startServer({ program, args, port, own });
}

/** A whole configuration of these texts of ours, with folders and ports of a test. */
export async function configFor(
  name: CachingProxyName,
  conf: string,
  { own, port, mirrorPort }: { readonly own: string; readonly port: number; readonly mirrorPort: number },
): Promise<string> {
  return await (name === 'squid' ? squidConf : nginxConf)(conf, own, port, mirrorPort);
}

async function squidConf(conf: string, own: string, port: number, mirrorPort: number): Promise<string> {
  await mkdir(join(own, 'spool'));
  await chmod(join(own, 'spool'), 0o777);
  const text = conf
    .replaceAll('/var/spool/squid', join(own, 'spool'))
    .replaceAll('/var/log/squid', own)
    .replaceAll('http_port 3128', `http_port 127.0.0.1:${port}`)
    .replace('cache_peer mirror.example parent 8080', `cache_peer 127.0.0.1 parent ${mirrorPort}`);
  const ours = [`pid_filename ${own}/pid`, 'shutdown_lifetime 0 seconds', 'pinger_enable off'];
  return [...ours, 'visible_hostname squid.test', text].join('\n');
}

async function nginxConf(conf: string, own: string, port: number, mirrorPort: number): Promise<string> {
  const text = conf
    .replaceAll('/var/cache/nginx', own)
    .replaceAll('/var/log/nginx', own)
    .replace('listen [::]:8081;', '')
    .replaceAll('8081', `127.0.0.1:${port}`)
    .replace('mirror.example:8080', `127.0.0.1:${mirrorPort}`);
  await writeFile(join(own, 'site.conf'), text);
  // nobody looks this name up: nginx, which does so for all that it begins with, needs no network then
  return aroundNginx(own, 'upstream database.clamav.net { server 127.0.0.1:1; }');
}
