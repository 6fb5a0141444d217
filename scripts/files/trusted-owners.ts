import { readFile } from 'node:fs/promises';
import { codeOf } from '../base/errors.ts';

/** Users and groups that this process trusts with its folders. */
export interface TrustedOwners {
  /** True for ourselves and root. */
  readonly owns: (uid: number) => boolean;
  /** True for a group without anybody but ourselves and root. */
  readonly isOurGroup: (gid: number) => boolean;
  /**
   * True for the top of a volume that Kubernetes made for our pod alone. All may write to it, because the containers of a
   * pod may be different users; but the folders on the way to it let nobody of the machine but root in.
   */
  readonly isPodVolume: (path: string, uid: number) => boolean;
}

/** Users and groups of this machine, lines of `passwd` and `group`; and what is mounted, lines of proc(5) `mountinfo`. */
export interface Accounts {
  readonly uid: number;
  readonly passwd: string;
  readonly group: string;
  readonly mounts?: string;
  readonly isContainer: boolean;
}

/**
 * Trusts ourselves, root, and groups that are only ours, such as the one that many systems with a umask of 002 give
 * each user. A group of which nothing is known may have anybody in it. In a container, an unknown user is the one who
 * mounted his folder into it, and so runs it. A pod is one owner's: whoever wrote it chose which containers share its
 * volumes. On systems without user numbers everybody is trusted.
 */
export async function trustedOwners(accounts?: Accounts): Promise<TrustedOwners> {
  const known = accounts ?? (await knownAccounts());
  if (known === undefined) return { owns: () => true, isOurGroup: () => true, isPodVolume: () => false };
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
    isPodVolume: (path, owner) => isContainer && owner === 0 && POD_VOLUME.test(sourceOf(path, known.mounts)),
  };
}

async function knownAccounts(): Promise<Accounts | undefined> {
  const uid = process.getuid?.();
  if (uid === undefined) return undefined;
  const [passwd = '', group = ''] = [await textOf('/etc/passwd'), await textOf('/etc/group')];
  const mounts = (await textOf('/proc/self/mountinfo')) ?? '';
  const marks = await Promise.all(CONTAINER_MARKS.map(textOf));
  return { uid, passwd, group, mounts, isContainer: marks.some((mark) => mark !== undefined) };
}

/** Files that docker, podman and Kubernetes put into every container. */
const CONTAINER_MARKS = [
  '/.dockerenv',
  '/run/.containerenv',
  '/var/run/secrets/kubernetes.io',
  '/dev/termination-log',
];
/** An emptyDir, or a folder of one, where the kubelet keeps it (Kubernetes, pkg/volume/emptydir/empty_dir.go). */
const POD_VOLUME = /\/pods\/[^/]+\/volumes\/kubernetes\.io~empty-dir\/[^/]+(?:\/|$)/;

/** Text of a file: empty if it cannot be read, `undefined` if it does not exist. */
async function textOf(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch((error) => (codeOf(error) === 'ENOENT' ? undefined : ''));
}

/** The folder that is mounted at a path, as its own file system names it. Of several on top of each other the last counts. */
function sourceOf(path: string, mounts = ''): string {
  const fields = mounts.split('\n').map((line) => line.split(' '));
  const [, , , source = ''] = fields.findLast(([, , , , at = '']) => unescaped(at) === path) ?? [];
  return unescaped(source);
}

/** The kernel writes blanks, newlines and backslashes of a path as octal numbers. */
function unescaped(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function parse(lines: string): string[][] {
  return lines.split('\n').map((line) => line.trim().split(':'));
}
