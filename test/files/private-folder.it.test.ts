import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { makeTemporaryFolder, takeCorner, takePrivateFolder } from '../../scripts/files/private-folder.ts';
import { requireSafeWay } from '../../scripts/files/safe-path.ts';
import { type Accounts, trustedOwners } from '../../scripts/files/trusted-owners.ts';
import { describeAsRoot, skipUnlessRoot } from '../support/machine/other-user.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'private-')));
  path = join(folder, 'parent', 'mirror.work');
  mkdirSync(join(folder, 'parent'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const UNSAFE = { code: 'setting/unsafe-folder' };
const modeOf = async (of: string) => (await stat(of)).mode & 0o7777;
const withUmask = (mask: number) => {
  const before = process.umask(mask);
  onTestFinished(() => void process.umask(before));
};

describe('a private folder', () => {
  test.each([0o022, 0o002, 0o077, 0])('is made for us alone, whatever the umask (%o)', async (mask) => {
    withUmask(mask);
    expect(await takePrivateFolder(path, 'it')).toBe(path);
    expect(await modeOf(path)).toBe(0o700);
    expect(await takePrivateFolder(path, 'it')).toBe(path);
    const below = join(folder, 'missing', 'mirror.work');
    expect(await takePrivateFolder(below, 'it')).toBe(below);
  });

  test('that is there keeps its rights, if others cannot write', async () => {
    mkdirSync(path, { mode: 0o755 });
    await takePrivateFolder(path, 'it');
    expect(await modeOf(path)).toBe(0o755);
  });

  test('may be a link of ours', async () => {
    mkdirSync(join(folder, 'elsewhere'));
    symlinkSync('../elsewhere', path);
    expect(await takePrivateFolder(path, 'it')).toBe(join(folder, 'elsewhere'));
  });

  test.each([0o777, 0o1777, 0o707])('that all may write to (%o) is refused', async (mode) => {
    mkdirSync(path);
    chmodSync(path, mode);
    await expect(takePrivateFolder(path, 'it')).rejects.toMatchObject(UNSAFE);
  });

  test('below a folder that all may write to is refused, and nothing is made', async () => {
    chmodSync(join(folder, 'parent'), 0o777);
    await expect(takePrivateFolder(path, 'it')).rejects.toMatchObject({
      ...UNSAFE,
      message: expect.stringMatching(/^it is not safe: .*parent,.* can be written to .*mode 0777/),
      advice: expect.stringContaining(`chmod go-w '${join(folder, 'parent')}'`),
    });
    expect(await readdir(join(folder, 'parent'))).toEqual([]);
  });

  test('below a sticky folder, as /tmp is, will do', async () => {
    chmodSync(join(folder, 'parent'), 0o1777);
    expect(await takePrivateFolder(path, 'it')).toBe(path);
  });

  test('that is a file is refused', async () => {
    await writeFile(path, '');
    await expect(takePrivateFolder(path, 'it')).rejects.toMatchObject(UNSAFE);
  });

  test('on a way that goes round in circles is refused', async () => {
    symlinkSync('mirror.work', path);
    await expect(takePrivateFolder(path, 'it')).rejects.toMatchObject(UNSAFE);
  });

  describeAsRoot('beside another user', () => {
    const OTHER = 65_534;
    test("that is somebody else's is refused, wherever it is", async () => {
      chmodSync(join(folder, 'parent'), 0o1777);
      mkdirSync(path, { mode: 0o700 });
      chownSync(path, OTHER, OTHER);
      await expect(takePrivateFolder(path, 'it')).rejects.toMatchObject({
        ...UNSAFE,
        message: expect.stringContaining(`owner ${OTHER}`),
      });
    });

    test("below somebody else's folder is refused, at any height", async () => {
      chownSync(join(folder, 'parent'), OTHER, OTHER);
      for (const below of [path, join(path, 'a', 'b')])
        await expect(takePrivateFolder(below, 'it')).rejects.toMatchObject(UNSAFE);
      mkdirSync(path);
      await expect(takePrivateFolder(join(path, 'a'), 'it')).rejects.toMatchObject(UNSAFE);
    });

    test("by way of somebody else's link is refused", async () => {
      chmodSync(join(folder, 'parent'), 0o1777);
      mkdirSync(join(folder, 'elsewhere'));
      symlinkSync(join(folder, 'elsewhere'), path);
      (await import('node:fs')).lchownSync(path, OTHER, OTHER);
      for (const below of [path, join(path, 'mirror.work')])
        await expect(takePrivateFolder(below, 'it')).rejects.toMatchObject(UNSAFE);
      expect(await readdir(join(folder, 'elsewhere'))).toEqual([]);
    });

    test("by way of our link through somebody else's folder is refused", async () => {
      mkdirSync(join(folder, 'theirs', 'deep'), { recursive: true });
      chownSync(join(folder, 'theirs'), OTHER, OTHER);
      symlinkSync(join(folder, 'theirs', 'deep'), path);
      await expect(takePrivateFolder(path, 'it')).rejects.toMatchObject(UNSAFE);
    });

    test('of a group with others in it is refused, of a group of our own is not', async () => {
      mkdirSync(path);
      chmodSync(path, 0o775);
      chownSync(path, 0, 4242);
      const accounts = { uid: 0, passwd: 'root:x:0:0::/:', isContainer: false };
      const take = async (group: string) =>
        await takePrivateFolder(path, 'it', { owners: await trustedOwners({ ...accounts, group }) });
      await expect(take('web:x:4242:www-data')).rejects.toMatchObject(UNSAFE);
      await expect(take('')).rejects.toMatchObject(UNSAFE);
      expect(await take('web:x:4242:root')).toBe(path);
    });
  });
});

describe('our corner of a folder that others may write to', () => {
  const corner = () => join(folder, 'parent', '.clamav-mirror');

  test('is for us alone, also one that an earlier version made', async () => {
    mkdirSync(corner(), { mode: 0o755 });
    await using _ = await takeCorner(corner(), 'it');
    expect(await modeOf(corner())).toBe(0o700);
  });

  test('is no link, wherever that leads', async () => {
    mkdirSync(join(folder, 'elsewhere'), { mode: 0o755 });
    symlinkSync('../elsewhere', corner());
    await expect(takeCorner(corner(), 'it')).rejects.toMatchObject(UNSAFE);
    expect(await modeOf(join(folder, 'elsewhere'))).toBe(0o755);
  });

  test.runIf(process.platform === 'linux')('stays the one that was taken', async () => {
    await using taken = await takeCorner(corner(), 'it');
    (await import('node:fs')).renameSync(corner(), join(folder, 'moved'));
    symlinkSync(tmpdir(), corner());
    await writeFile(join(taken.path, 'file'), '');
    expect(await readdir(join(folder, 'moved'))).toEqual(['file']);
  });

  test("is not somebody else's", async (context) => {
    skipUnlessRoot(context);
    mkdirSync(corner());
    chownSync(corner(), 65_534, 65_534);
    await expect(takeCorner(corner(), 'it')).rejects.toMatchObject(UNSAFE);
  });
});

test('a temporary folder is for us alone', async () => {
  const made = await makeTemporaryFolder('clamav-mirror-test-');
  onTestFinished(() => rmSync(made, { recursive: true }));
  expect(await modeOf(made)).toBe(0o700);
});

test('what is missing at the end of a way is no fault of it', async () => {
  expect(await requireSafeWay(join(path, 'a', 'b'), 'it')).toBe(join(path, 'a', 'b'));
});

describe('we trust', () => {
  const bob = (change: Partial<Accounts> = {}): Accounts => ({
    uid: 1000,
    passwd:
      'root:x:0:0::/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\neve:x:1001:100::/home/eve:/bin/sh\n',
    group: 'root:x:0:\nusers:x:100:\nbob:x:1000:\nweb:x:33:bob\nteam:x:50:bob,eve\n',
    isContainer: false,
    ...change,
  });

  test('ourselves and root, and no other user', async () => {
    const { owns } = await trustedOwners(bob());
    expect([0, 1000, 1001, 4242].map(owns)).toEqual([true, true, false, false]);
  });

  test('groups that nobody else is in, be it by his own entry', async () => {
    const { isOurGroup } = await trustedOwners(bob());
    expect([0, 1000, 33, 50, 100, 4242].map(isOurGroup)).toEqual([true, true, true, false, false, false]);
  });

  test('in a container, those whom it does not know', async () => {
    const { owns, isOurGroup } = await trustedOwners(bob({ uid: 0, isContainer: true }));
    expect([0, 1000, 4242].map(owns)).toEqual([true, false, true]);
    expect([0, 50, 100, 4242].map(isOurGroup)).toEqual([true, false, false, true]);
  });

  test('a user of a container that does not know him himself', async () => {
    const { owns, isOurGroup } = await trustedOwners(bob({ uid: 4242, isContainer: true }));
    expect([owns(4242), isOurGroup(4242), isOurGroup(0), owns(1001)]).toEqual([true, true, true, false]);
  });

  describe('of volumes that all may write to', () => {
    const at = '/var/lib/clamav-mirror';
    const pod = '/var/lib/kubelet/pods/0f3a-11/volumes';
    const mount = (source: string, path = at) =>
      `151 129 254:0 ${source} ${path} rw,relatime - ext4 /dev/vda rw,discard\n`;
    const trusts = async (mounts: string, path = at, owner = 0, isContainer = true) => {
      const { isPodVolume } = await trustedOwners(bob({ uid: 4242, isContainer, mounts }));
      return isPodVolume(path, owner);
    };
    const emptyDir = `${pod}/kubernetes.io~empty-dir/work`;

    test('an emptyDir, which only the containers of our pod reach', async () => {
      expect(await trusts(mount(emptyDir))).toBe(true);
      expect(await trusts(mount(`${emptyDir}/folder`))).toBe(true); // by subPath
      expect(await trusts(mount(emptyDir, '/a\\040b'), '/a b')).toBe(true);
    });

    test('no volume that others may reach', async () => {
      const others = ['/srv/share', `${pod}/kubernetes.io~nfs/work`, `${pod}/kubernetes.io~empty-dir`, '/'];
      for (const source of others) expect(await trusts(mount(source))).toBe(false);
    });

    test('no folder in an emptyDir, and none that hides it', async () => {
      expect(await trusts(mount(emptyDir), `${at}/folder`)).toBe(false);
      expect(await trusts(mount(emptyDir) + mount('/srv/share'))).toBe(false);
    });

    test('nothing that only looks like it: of another user, or outside of a container', async () => {
      expect(await trusts(mount(emptyDir), at, 1001)).toBe(false);
      expect(await trusts(mount(emptyDir), at, 0, false)).toBe(false);
    });
  });
});
