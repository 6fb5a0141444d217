import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { codeOf } from '../../../scripts/base/errors.ts';
import { HEADER_SIZE, parseHeader } from '../../../scripts/cvd/header.ts';
import { findNativeEngine } from '../../../scripts/engine/native.ts';
import { readStart } from '../../../scripts/files/open.ts';
import { searchPath } from '../../../scripts/settings/environment.ts';
import { type Run, run } from '../../../scripts/setup/programs.ts';
import { describeWith, have } from '../setup/official.ts';
import { describeWithDnsmasq } from '../web/dns.ts';

const TIMEOUT = 60_000;

/** A real program that keeps a copy of database `test` in a folder of its own. */
export interface UpdateClient {
  readonly name: string;
  /** Looks for news at this URL, which has no final slash. Returns the version that it has then. */
  update(folder: string, url: string): Promise<number | undefined>;
}

/** Like `describe`, and skipped where cvdupdate, curl or a nameserver is missing. */
export function describeWithUpdateClients(name: string, body: () => void): void {
  describeWith(inject('cvdupdate'))(name, () => {
    describeWith(inject('curl'))('and curl', () => describeWithDnsmasq('and a nameserver', body));
  });
}

/** ClamAV's own: it sends the build time of what it has. */
export const freshclam: UpdateClient = freshclamWith('freshclam', 'test', (url) => [`DatabaseMirror ${url}`]);

/** The same for mirrors that are not ClamAV's: it asks for a `.cld` first, and for no CDIFF. */
export const privateFreshclam: UpdateClient = freshclamWith('freshclam, PrivateMirror', 'test', (url) => [
  `PrivateMirror ${url}`,
]);

/** The same, which lets a CLD that it makes of CDIFFs be compressed, as a CVD is. */
export const compressingFreshclam: UpdateClient = freshclamWith(
  'freshclam, CompressLocalDatabase',
  'test',
  (url) => [`DatabaseMirror ${url}`, 'CompressLocalDatabase yes'],
);

/** ClamAV's own tool for mirrors. `dns` is a nameserver that answers. */
export function cvdupdateAt(dns: string): UpdateClient {
  return { name: 'cvdupdate', update: async (folder, url) => await updateWithCvdupdate(folder, url, dns) };
}

/** Those that send the time of their own download, each with a program of its own. `dns` is a nameserver that answers. */
export function ownClockClients(dns: string): readonly UpdateClient[] {
  return [
    freshclamWith('freshclam, DatabaseCustomURL', 'custom', (url) => [
      `DatabaseMirror ${url}`,
      `DatabaseCustomURL ${url}/test.cvd`,
    ]),
    { name: 'curl -z', update: updateWithCurl },
    cvdupdateAt(dns),
  ];
}

function freshclamWith(
  name: string,
  database: string,
  config: (url: string) => readonly string[],
): UpdateClient {
  return {
    name,
    async update(folder, url) {
      const { databaseOwner } = await findNativeEngine(process.env.PATH ?? '');
      const [path, data] = [join(folder, 'freshclam.conf'), join(folder, 'db')];
      await mkdir(data, { recursive: true });
      const lines = [`DatabaseOwner ${databaseOwner}`, 'MaxAttempts 1', ...config(url)];
      await writeFile(path, `${lines.join('\n')}\n`);
      const places = [`--config-file=${path}`, `--datadir=${data}`, '--stdout', '--no-dns'];
      await mustEndWell(['freshclam', ...places, `--update-db=${database}`]);
      return (await versionOf(join(data, 'test.cld'))) ?? (await versionOf(join(data, 'test.cvd')));
    },
  };
}

async function updateWithCurl(folder: string, url: string): Promise<number | undefined> {
  const path = join(folder, 'test.cvd');
  await mkdir(folder, { recursive: true });
  const quiet = ['--silent', '--show-error', '--fail'];
  await mustEndWell(['curl', ...quiet, '--time-cond', path, '--output', path, `${url}/test.cvd`]);
  return await versionOf(path);
}

/**
 * The real cvdupdate. `field` is the database's place in the DNS record; one that DNS does not know is asked for by HTTP.
 * It asks DNS first in any case, at port 53, which is not ours.
 */
export async function updateWithCvdupdate(
  folder: string,
  url: string,
  dns: string,
  { name, field }: { readonly name: string; readonly field: number } = { name: 'test', field: 0 },
): Promise<number | undefined> {
  const [config, state, data] = ['config.json', 'state.json', 'db'].map((name) => join(folder, name));
  if (config === undefined || state === undefined || data === undefined) throw new Error('no paths');
  await mkdir(data, { recursive: true });
  const [address = '', port = ''] = dns.split(':');
  const settings = {
    nameserver: address,
    'max retry': 1,
    'log directory': join(folder, 'logs'),
    'rotate logs': true,
    '# logs to keep': 30,
    'db directory': data,
    'rotate cdiffs': true,
    '# cdiffs to keep': 30,
    'state file': state,
  };
  await writeFile(config, JSON.stringify(settings));
  const database = {
    url: `${url}/${name}.cvd`,
    'retry after': 0,
    'last modified': 0,
    'last checked': 0,
    'DNS field': field,
    'local version': 0,
    CDIFFs: [],
  };
  const begin = { uuid: '00000000-0000-4000-8000-000000000000', dbs: { [`${name}.cvd`]: database } };
  await writeFile(state, JSON.stringify(begin), { flag: 'wx' }).catch(unlessThere);
  const python = /^#!(\S+)/.exec(await readFile(have(inject('cvdupdate')), 'utf8'))?.[1] ?? 'python3';
  await mustEndWell([python, '-c', AT_PORT, port, 'update', '--config', config]);
  return await versionOf(join(data, `${name}.cvd`));
}

/** cvdupdate as it is, with a nameserver at the port that comes first. */
const AT_PORT = `
import sys
from dns import resolver

port = int(sys.argv.pop(1))

class Resolver(resolver.Resolver):
    def reset(self):
        super().reset()
        self.port = port

resolver.Resolver = Resolver
from cvdupdate.__main__ import cli
cli()
`;

async function mustEndWell(command: readonly string[]): Promise<Run> {
  const ended = await run(command, { path: searchPath(), environment: process.env, timeout: TIMEOUT });
  if (ended.exitCode === 0) return ended;
  throw new Error(`${command.join(' ')}: ${ended.stdout}${ended.stderr}`);
}

async function versionOf(path: string): Promise<number | undefined> {
  const start = await readStart(path, HEADER_SIZE).catch(unlessMissing);
  return start && parseHeader(start).version;
}

function unlessThere(error: unknown): void {
  if (codeOf(error) !== 'EEXIST') throw error;
}

function unlessMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}
