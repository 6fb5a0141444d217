import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { explain } from '../../../scripts/base/errors.ts';
import { ensureProgram, type InstallOptions } from '../setup/install.ts';
import { freePort } from './ports.ts';
import { type Server, startServer } from './server.ts';

export interface Squid extends Server {
  /** A line for each request: how it was answered (`TCP_MISS/200` …), and what was asked for. */
  log(): Promise<string[]>;
}

/** The path of squid, which runs with its package's rules. Throws if it does not. */
export async function ensureSquid(options: InstallOptions): Promise<string> {
  const program = await ensureProgram('squid', ['squid'], options);
  try {
    await using _ = await startSquid(program);
  } catch (error) {
    throw new Error(`squid does not run here: ${explain(error)}`);
  }
  return program;
}

/** How a squid is other than its package has it. */
export interface SquidOptions {
  /** Rules that come before those of the package. */
  readonly rules?: readonly string[];
  /** `user:password`, without which it lets nobody through. */
  readonly credentials?: string;
  /** Reads TLS along: its certificate authority, with the key, and the program that signs. */
  readonly reading?: { readonly ca: string; readonly key: string; readonly signer: string };
}

/** Names that lead to this machine, for a squid alone: nobody else looks them up. */
export const NAMES = ['mirror.test', 'upstream.test', 'store.test', 'github.test'] as const;

/**
 * Starts a real squid with its package's own rules, behind these of ours. It opens tunnels to every port, which the package
 * does to 443 alone.
 */
export async function startSquid(
  program: string,
  { rules = [], credentials, reading }: SquidOptions = {},
): Promise<Squid> {
  const folder = await mkdtemp(join(tmpdir(), 'squid-'));
  await chmod(folder, 0o777); // it runs as another user
  const port = await freePort();
  const stock = await readFile('/etc/squid/squid.conf', 'utf8');
  const [config, accessLog] = [join(folder, 'squid.conf'), join(folder, 'access.log')];
  await writeFile(join(folder, 'hosts'), `127.0.0.1 localhost ${NAMES.join(' ')}\n`);
  const ours = [
    `http_port 127.0.0.1:${port}${reading === undefined ? '' : await readingAlong(folder, reading)}`,
    ...(reading === undefined
      ? []
      : [
          `sslcrtd_program ${reading.signer} -s ${folder}/signed -M 4MB`,
          'ssl_bump bump all',
          'tls_outgoing_options flags=DONT_VERIFY_PEER',
        ]),
    `pid_filename ${folder}/pid`,
    `cache_log ${folder}/cache.log`,
    `logformat ours %Ss/%>Hs %rm %ru`,
    `access_log stdio:${accessLog} logformat=ours`,
    `hosts_file ${folder}/hosts`,
    'acl SSL_ports port 1-65535',
    'shutdown_lifetime 0 seconds',
    'pinger_enable off',
    'visible_hostname squid.test',
    ...(credentials === undefined ? [] : await withPassword(folder, credentials)),
  ];
  const kept = stock.replaceAll(/^(?:http_port|access_log|coredump_dir|pid_filename|cache_log) .*$/gm, '');
  await writeFile(config, [...ours, ...rules, kept].join('\n'));
  const server = await startServer({ program, args: ['-N', '-f', config], port, own: folder });
  return {
    ...server,
    async log() {
      const lines = (await readFile(accessLog, 'utf8')).trim().split('\n');
      return lines.filter((line) => !line.startsWith('NONE')); // who only looked whether it listens
    },
  };
}

/** Rules for a password, which the package's own helper checks. */
async function withPassword(folder: string, credentials: string): Promise<string[]> {
  const [user = '', ...password] = credentials.split(':');
  const { stdout } = await promisify(execFile)('openssl', ['passwd', '-apr1', password.join(':')]);
  await writeFile(join(folder, 'users'), `${user}:${stdout.trim()}\n`);
  return [
    `auth_param basic program /usr/lib/squid/basic_ncsa_auth ${folder}/users`,
    'acl known proxy_auth REQUIRED',
    'http_access deny !known',
  ];
}

/** Options of a port at which TLS is read along, with certificates for each host that the authority signs at once. */
async function readingAlong(
  folder: string,
  { ca, key, signer }: NonNullable<SquidOptions['reading']>,
): Promise<string> {
  await copyFile(ca, join(folder, 'ca.pem'));
  await copyFile(key, join(folder, 'ca.key'));
  await chmod(join(folder, 'ca.key'), 0o644);
  await promisify(execFile)(signer, ['-c', '-s', join(folder, 'signed'), '-M', '4MB']);
  for (const name of ['', 'index.txt', 'size', 'certs']) await chmod(join(folder, 'signed', name), 0o777);
  return ` ssl-bump generate-host-certificates=on tls-cert=${folder}/ca.pem tls-key=${folder}/ca.key`;
}
