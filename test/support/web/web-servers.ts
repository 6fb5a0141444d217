import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explain } from '../../../scripts/base/errors.ts';
import { searchPath } from '../../../scripts/settings/environment.ts';
import { findProgram } from '../../../scripts/setup/programs.ts';
import { ensureProgram, type InstallOptions } from '../setup/install.ts';
import { freePort } from './ports.ts';
import { type Server, startServer } from './server.ts';

export const HOSTS = join(import.meta.dirname, '..', '..', '..', 'site', 'hosts');
/** What the configurations of `site/hosts` say, and what tests put in its place. */
const PLACEHOLDERS = { folder: '/srv/clamav', port: '8080' };

export const WEB_SERVERS = ['nginx', 'lighttpd', 'caddy', 'apache'] as const;
export type WebServerName = (typeof WEB_SERVERS)[number];

/** How a web server gets here, and how it runs one of our configurations. */
interface Kind {
  readonly program: string;
  readonly package: string;
  /** In `site/hosts`. */
  readonly file: string;
  /** The folder of its logs and other files of its own, in the configuration. */
  readonly own: RegExp;
  /** The whole configuration around ours, which is `site.conf` in this folder. */
  main(folder: string, site: string): string;
  command(config: string, folder: string): string[];
}

const APACHE_MODULES =
  'mpm_event authn_core authn_file authz_core authz_host authz_user auth_basic mime dir env filter deflate headers rewrite setenvif ratelimit';

const KINDS: Readonly<Record<WebServerName, Kind>> = {
  nginx: {
    program: 'nginx',
    package: 'nginx',
    file: 'nginx.conf',
    own: /\/(var\/log|etc)\/nginx/g,
    main: (folder) => aroundNginx(folder),
    command: nginxArguments,
  },
  lighttpd: {
    program: 'lighttpd',
    package: 'lighttpd',
    file: 'lighttpd.conf',
    own: /\/(var\/log|etc)\/lighttpd/g,
    main: (_, site) => site,
    command: (config) => ['-D', '-f', config],
  },
  caddy: {
    program: 'caddy',
    package: 'caddy',
    file: 'Caddyfile',
    own: /\/var\/log\/caddy/g,
    main: (_, site) => site,
    command: (config) => ['run', '--adapter', 'caddyfile', '--config', config],
  },
  apache: {
    program: 'apache2',
    package: 'apache2-bin',
    file: 'apache.conf',
    own: /\/(var\/log|etc)\/apache2/g,
    main: (folder) =>
      [
        `ServerRoot ${folder}`,
        `PidFile ${folder}/pid`,
        `Mutex file:${folder}`,
        `ErrorLog ${folder}/error.log`,
        'ServerName localhost',
        ...APACHE_MODULES.split(' ').map(
          (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`,
        ),
        'User www-data\nGroup www-data',
        'TypesConfig /etc/mime.types',
        'LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined',
        // as Debian has it: ours must switch it off
        'SetOutputFilter DEFLATE',
        `Include ${folder}/site.conf`,
      ].join('\n'),
    command: (config) => ['-D', 'FOREGROUND', '-f', config],
  },
};

/** The configuration of nginx around `site.conf` in this folder. */
export function aroundNginx(folder: string, more = ''): string {
  return [
    'user root; worker_processes 1; daemon off;',
    `pid ${folder}/pid; error_log ${folder}/error.log;`,
    'events {}',
    // as Debian has it: ours must switch it off
    'http { gzip on; gzip_types *; gzip_min_length 0;',
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${folder}/${of};`),
    `${more} include ${folder}/site.conf; }`,
  ].join('\n');
}

export function nginxArguments(config: string, folder: string): string[] {
  return ['-c', config, '-p', folder, '-e', `${folder}/error.log`];
}

/** All web servers are there, installed if need be, and start with our configuration. Throws if one does not. */
export async function ensureWebServers(options: InstallOptions): Promise<true> {
  const packages = WEB_SERVERS.map((name) => KINDS[name].package);
  for (const name of WEB_SERVERS) await ensureProgram(KINDS[name].program, packages, options);
  await Promise.all(WEB_SERVERS.map(tryOut));
  return true;
}

async function tryOut(name: WebServerName): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'web-server-trial-'));
  try {
    await using _ = await startWebServer(name, folder);
  } catch (error) {
    throw new Error(`${name} does not run here: ${explain(error)}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export interface WebServer extends Server {
  readonly port: number;
  /** Its own folder: configuration and logs. */
  readonly folder: string;
}

/**
 * Starts a real web server with our configuration for it, which `change` may edit first, on a free port of 127.0.0.1.
 * `folder` is what it serves; it must be readable for everybody.
 */
export async function startWebServer(
  name: WebServerName,
  folder: string,
  change: (config: string) => string = (config) => config,
): Promise<WebServer> {
  const kind = KINDS[name];
  const own = await mkdtemp(join(tmpdir(), `${name}-`));
  await chmod(own, 0o777); // they log as another user
  const port = await freePort();
  const { main } = await mainConfig(name, { own, folder, port, change });
  const program = (await findProgram(kind.program, { path: searchPath() })) ?? kind.program;
  const variables = { HOME: own, XDG_DATA_HOME: own, XDG_CONFIG_HOME: own };
  const args = kind.command(main, own);
  const server = await startServer({ program, args, port, own, variables, signal: 'TERM' });
  return { ...server, port, folder: own };
}

/** Writes our configuration for a web server, and what must be around it, into its own folder. */
export async function mainConfig(
  name: WebServerName,
  {
    own,
    folder,
    port,
    change,
  }: {
    readonly own: string;
    readonly folder: string;
    readonly port: number;
    readonly change: (config: string) => string;
  },
): Promise<{ readonly main: string }> {
  const kind = KINDS[name];
  const text = change(await readFile(join(HOSTS, kind.file), 'utf8'))
    .replaceAll(kind.own, own)
    .replaceAll(PLACEHOLDERS.folder, folder)
    .replaceAll(PLACEHOLDERS.port, String(port));
  const main = join(own, 'main.conf');
  await writeFile(join(own, 'site.conf'), text);
  await writeFile(main, kind.main(own, text));
  return { main };
}

/** Takes the mark away from the options of a configuration of `site/hosts`. */
export function withOptions(config: string): string {
  return config.replaceAll(/^(\s*)#: /gm, '$1');
}
