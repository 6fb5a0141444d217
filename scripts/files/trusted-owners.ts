import { readFile } from 'node:fs/promises';
import { codeOf } from '../base/errors.ts';

/** Users and groups that this process trusts with its folders. */
export interface TrustedOwners {
  /** True for ourselves and root. */
  readonly owns: (uid: number) => boolean;
  /** True for a group without anybody but ourselves and root. */
  readonly isOurGroup: (gid: number) => boolean;
}

/** Users and groups of this machine: lines of `passwd` and `group`. */
export interface Accounts {
  readonly uid: number;
  readonly passwd: string;
  readonly group: string;
  readonly isContainer: boolean;
}

/**
 * Trusts ourselves, root, and groups that are only ours, such as the one that many systems with a umask of 002 give
 * each user. A group of which nothing is known may have anybody in it. In a container, an unknown user is the one who
 * mounted his folder into it, and so runs it. On systems without user numbers everybody is trusted.
 */
export async function trustedOwners(accounts?: Accounts): Promise<TrustedOwners> {
  const known = accounts ?? (await knownAccounts());
  if (known === undefined) return { owns: () => true, isOurGroup: () => true };
  const { uid, isContainer } = known;
  const users = parse(known.passwd).map(([name = '', , user, group]) => ({
    name,
    uid: Number(user),
    gid: Number(group),
  }));
  const isTrusted = (name: string) => users.some((user) => user.name === name && [0, uid].includes(user.uid));
  const isStranger = (id: number) => isContainer && !users.some((user) => user.uid === id);
  return {
    owns: (id) => id === 0 || id === uid || isStranger(id),
    isOurGroup: (gid) => {
      if (gid === 0) return true; // root's own
      const members = parse(known.group)
        .filter(([, , id]) => Number(id) === gid)
        .map(([, , , names = '']) => names.split(',').filter((name) => name !== ''));
      const others = users.filter((user) => user.gid === gid && !isTrusted(user.name));
      if (members.length === 0) return isContainer && others.length === 0;
      return others.length === 0 && members.flat().every(isTrusted);
    },
  };
}

async function knownAccounts(): Promise<Accounts | undefined> {
  const uid = process.getuid?.();
  if (uid === undefined) return undefined;
  const [passwd = '', group = ''] = [await textOf('/etc/passwd'), await textOf('/etc/group')];
  const marks = await Promise.all(CONTAINER_MARKS.map(textOf));
  return { uid, passwd, group, isContainer: marks.some((mark) => mark !== undefined) };
}

/** Files that docker, podman and Kubernetes put into every container. */
const CONTAINER_MARKS = ['/.dockerenv', '/run/.containerenv', '/var/run/secrets/kubernetes.io'];

/** Text of a file: empty if it cannot be read, `undefined` if it does not exist. */
async function textOf(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch((error) => (codeOf(error) === 'ENOENT' ? undefined : ''));
}

function parse(lines: string): string[][] {
  return lines.split('\n').map((line) => line.trim().split(':'));
}
