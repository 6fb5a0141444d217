import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { describeAsRoot, NOBODY } from '../support/machine/other-user.ts';
import { describeWithSmallDisks, mount } from '../support/machine/small-disk.ts';
import { describeMirror, startMirror } from '../support/mirror/cycle.ts';
import { fault, finding, findings, lineOf, temporaryFolder, WELL } from './support.ts';

let folder: string;
let store: string;
let work: string;
beforeEach(() => {
  folder = temporaryFolder();
  store = join(folder, 'mirror');
  work = join(folder, 'mirror.work');
});
const find = async (check: string) => await finding(check, { flags: { store } });
const BOTH = ['work', 'store'] as const;
const pathOf = (check: (typeof BOTH)[number]) => (check === 'work' ? work : store);

test('folders that are not there yet can be made, and are not', async () => {
  store = join(folder, 'a', 'b', 'mirror');
  expect(await findings(['work', 'store', 'readable'], { flags: { store } })).toEqual([WELL, WELL, WELL]);
  expect(readdirSync(folder)).toEqual([]);
});

test('folders that are there keep what they have, and get nothing', async () => {
  for (const path of [store, work]) {
    mkdirSync(path, { mode: 0o755 });
    writeFileSync(join(path, 'mine'), 'mine');
  }
  const before = [store, work].map((path) => statSync(path).mode);
  expect(await findings(['work', 'store', 'readable'], { flags: { store } })).toEqual([WELL, WELL, WELL]);
  expect([store, work].map((path) => readdirSync(path))).toEqual([['mine'], ['mine']]);
  expect([store, work].map((path) => statSync(path).mode)).toEqual(before);
});

describe.each(BOTH)('the %s folder', (check) => {
  test('is a file', async () => {
    writeFileSync(pathOf(check), '');
    expect(await find(check)).toEqual(fault(/is no folder/, /mv '.*' '.*\.old'/));
  });

  test('lies below a file', async () => {
    writeFileSync(join(folder, 'file'), '');
    const flags = { store, [check]: join(folder, 'file', 'below') };
    expect(await finding(check, { flags })).toEqual(fault(/below a file/, new RegExp(`--${check}`)));
  });

  describeAsRoot('by rights', () => {
    test('is where somebody else may exchange it', async () => {
      chmodSync(folder, 0o777);
      expect(await find(check)).toEqual(fault(/is not safe.*others/, /chmod go-w/));
      expect(readdirSync(folder)).toEqual([]);
    });

    test('may not be written to', async () => {
      for (const path of [store, work]) mkdirSync(path, { mode: 0o755 });
      const wrapper = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
      expect(await lineOf(check, { store }, { wrapper })).toEqual(
        fault(new RegExp(`user ${NOBODY} may not write`), new RegExp(`chown ${NOBODY} '${pathOf(check)}'`)),
      );
    });
  });

  describeWithSmallDisks('on a disk of its own', () => {
    const small = (size: string) => {
      mkdirSync(pathOf(check));
      const disk = mount(pathOf(check), size);
      onTestFinished(() => disk[Symbol.dispose]());
      return disk;
    };

    test('is read-only', async () => {
      const writable = '1m';
      small(writable).resize(`${writable},ro`);
      expect(await find(check)).toEqual(fault(/read-only/, /mount -o remount,rw/));
    });

    test('is full', async () => {
      small('1m');
      const fill = () => writeFileSync(join(pathOf(check), 'filling'), Buffer.alloc(2_000_000));
      expect(fill).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
      expect(await find(check)).toEqual(fault(/no room/, /df -h/));
    });

    test('is too small for the databases', async () => {
      small('64m');
      const flags = { store, databases: 'main,daily' };
      expect(await finding(check, { flags })).toEqual(fault(/64\.\d MB|6\d\.\d MB/, /another disk by/));
      expect(await find(check)).toEqual(WELL); // for a small database it will do
    });
  });
});

describeAsRoot('somebody else', () => {
  test('owns the work folder', async () => {
    mkdirSync(work);
    chownSync(work, NOBODY, NOBODY);
    expect(await find('work')).toEqual(fault(/belongs to somebody else/, new RegExp(`chown 0 '${work}'`)));
  });

  test('owns our corner of the store', async () => {
    mkdirSync(join(store, '.clamav-mirror'), { recursive: true });
    chownSync(join(store, '.clamav-mirror'), NOBODY, NOBODY);
    expect(await find('store')).toEqual(fault(/belongs to somebody else/, /chown 0/));
  });
});

test('our corner of the store is a link', async () => {
  mkdirSync(store);
  symlinkSync(folder, join(store, '.clamav-mirror'));
  expect(await find('store')).toEqual(fault(/is a link or a file/, /./));
});

describe('what was published by a umask of 077', () => {
  test('is a folder that nobody else can enter', async () => {
    mkdirSync(store, { mode: 0o700 });
    expect(await find('readable')).toEqual(fault(/cannot enter .*0700.*403/, /chmod -R go\+rX/));
  });

  test('is a file that nobody else can read', async () => {
    mkdirSync(store, { mode: 0o755 });
    writeFileSync(join(store, 'test.cvd'), '', { mode: 0o600 });
    expect(await find('readable')).toEqual(fault(/cannot read .*test\.cvd.*403/, /chmod -R go\+rX/));
  });
});

test('a folder above that others cannot pass is told of, and no fault: the server may be ours', async () => {
  chmodSync(folder, 0o700);
  expect(await find('readable')).toMatchObject({
    ok: true,
    advice: expect.stringContaining(`chmod o+x '${folder}'`),
  });
});

describeMirror('by a umask of 077', () => {
  test('the line says of what will be published what sync then makes', async () => {
    await using mirror = await startMirror();
    chmodSync(mirror.folder, 0o755);
    const wrapper = ['sh', '-c', 'umask 077; exec "$@"', 'sh'];
    const seen = await lineOf(
      'readable',
      { store: mirror.store, upstream: mirror.upstream.url },
      { wrapper },
    );
    const { exitCode, stderr } = await mirror.syncCli([], { wrapper });
    expect(exitCode, stderr).toBe(0);
    const folderMode = statSync(mirror.store).mode;
    const fileMode = statSync(join(mirror.store, 'test.cvd')).mode;
    const isReadable = (folderMode & 0o005) === 0o005 && (fileMode & 0o004) !== 0;
    if (isReadable) expect(seen).toEqual(WELL);
    else expect(seen).toEqual(fault(/for this user alone/, /umask 022/));
  });
});
