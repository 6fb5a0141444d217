import type { ConfLine, ConfOption } from '../files/clamav-conf.ts';
import { clamdConf, clamdscanConf } from './clamd-conf.ts';
import { freshclamConf, type MirrorLines } from './freshclam-conf.ts';
import { MACHINES, type Machine, type MachineName } from './machines.ts';
import { RELEASES, sinceOf } from './since.ts';

/** Everything that the configurations of a client depend on. */
export interface ClientWishes extends MirrorLines {
  readonly machine: MachineName;
  readonly proxy: URL | undefined;
  readonly checks: number;
  readonly fips: boolean;
  /** Host on which others find clamd, where it listens on a network. */
  readonly clamd: string;
}

/** One configuration. */
export interface ClientConf {
  /** Name of the file where all of them are in one folder. */
  readonly name: string;
  /** Path on the machine. */
  readonly path: string;
  readonly lines: readonly ConfLine[];
  /** True if a password is in it. */
  readonly isSecret: boolean;
}

/** Attempts of freshclam, 5 seconds apart: ClamAV's default. */
const ATTEMPTS = 3;

/** Stands in for each password, wherever a configuration is shown. */
export const PASSWORD = 'PASSWORD';

/** Makes the configurations of a client. Throws `conf/impossible` for a database without a proper name. */
export function clientConfs(wishes: ClientWishes): readonly ClientConf[] {
  const { fips, clamd } = wishes;
  const machine: Machine = MACHINES[wishes.machine];
  const files = [
    {
      path: machine.freshclamConf,
      isSecret: hasPasswords(wishes),
      lines: freshclamConf({
        ...wishes,
        attempts: ATTEMPTS,
        owner: machine.owner,
        folder: machine.databases,
        notify: machine.clamdConf,
      }),
    },
    { path: machine.clamdConf, isSecret: false, lines: clamdConf(machine, { fips }) },
    ...(machine.clamd.isShared
      ? [{ path: '/etc/clamav/clamdscan.conf', isSecret: false, lines: clamdscanConf(clamd) }]
      : []),
  ];
  return files.map(({ path, isSecret, lines }) => ({
    name: path.replace(/^.*[\\/]/, ''),
    path,
    isSecret,
    lines: [
      `${path}, for ${machine.title}. What is not here keeps ClamAV's default`,
      ...lines.flatMap(commented),
    ],
  }));
}

/** A line with a comment above it, if it needs one. */
function commented(line: ConfOption): readonly ConfLine[] {
  const [name] = line;
  const since = sinceOf(name);
  if (name === 'Checks') return ['times each day, for a freshclam that keeps running', line];
  if (since === RELEASES[0]) return [line];
  return [`ClamAV ${since} and later: an earlier one ends with an error at the next line`, line];
}

/** The same wishes with `PASSWORD` in the place of each password. A user alone, of a mirror, may be a token. */
export function withoutPasswords(wishes: ClientWishes): ClientWishes {
  const { mirrors, extras, proxy } = wishes;
  return {
    ...wishes,
    mirrors: mirrors.map(maskedMirror),
    extras: extras && { ...extras, mirror: maskedMirror(extras.mirror) },
    proxy: proxy && proxy.password !== '' ? masked(proxy, 'password') : proxy,
  };
}

function hasPasswords({ mirrors, proxy }: ClientWishes): boolean {
  const users = mirrors.map((url) => new URL(url)).map(({ username, password }) => username + password);
  return [...users, proxy?.password ?? ''].some((secret) => secret !== '');
}

function maskedMirror(url: string): string {
  const { username, password } = new URL(url);
  if (username === '' && password === '') return url;
  return masked(url, password === '' ? 'username' : 'password').href.replace(/\/$/, '');
}

function masked(address: string | URL, secret: 'username' | 'password'): URL {
  const url = new URL(address);
  url[secret] = PASSWORD;
  return url;
}
