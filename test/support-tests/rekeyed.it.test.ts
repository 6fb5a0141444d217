import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TALOS_KEYS } from '../../scripts/cvd/keys.ts';
import { startHost } from '../../scripts/host/host.ts';
import { run as runProgram } from '../../scripts/setup/programs.ts';
import { rekey } from '../support/clamav/rekey.ts';
import { rekeyedImage, rekeyedNative } from '../support/clamav/rekeyed.ts';
import { type ChainLink, makeChain } from '../support/databases/chain.ts';
import { readContainer } from '../support/databases/containers.ts';
import { makeTestKeys } from '../support/databases/signing.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { docker } from '../support/docker/of-this-run.ts';
import { describeWithClamav } from '../support/setup/official.ts';

/** Runs a program of some ClamAV. Returns its stdout, then its exit code. */
type Clamav = (...command: readonly string[]) => Promise<string>;

/** What each version adds; all of it is in the sample. */
const HIDDEN = ['first hidden text', 'second hidden text'];
/** Of clamscan. The signature is an official one, since it is in a signed file. */
const FOUND = /sample: Test\.Hidden-\d FOUND\nexit 1$/;
const hex = (text: string) => Buffer.from(text).toString('hex');

let folder: string;
let chain: ChainLink[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekeyed-test-'));
  chain = makeChain('daily', [version(1), version(2)], { header: { signatures: 3 } });
  await writeFile(join(folder, 'sample'), HIDDEN.join('\n'));
  await mkdir(join(folder, 'mirror'));
  for (const { version, cvd, cdiff } of chain) {
    await writeFile(join(folder, `daily-${version}.cvd`), cvd);
    if (cdiff !== undefined) await writeFile(join(folder, 'mirror', `daily-${version}.cdiff`), cdiff);
    await writeFile(join(folder, 'mirror', 'daily.cvd'), cvd);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function version(count: number): Map<string, Buffer> {
  const ndb = HIDDEN.slice(0, count).map((text, at) => `Test.Hidden-${at + 1}:0:*:${hex(text)}\n`);
  const files = {
    'daily.hdb': `${'0'.repeat(31)}${count}:68:Test.Never-1\n`,
    'daily.ndb': ndb.join(''),
    'daily.ldb': `Test.Never-2;Engine:51-255,Target:0;0;${hex('never seen')}\n`,
  };
  return new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)]));
}

const native =
  (path = process.env.PATH): Clamav =>
  async (...command) => {
    const { stdout, exitCode } = await runProgram(command, { path, timeout: 60_000 });
    return `${stdout}exit ${exitCode}`;
  };

const inImage =
  (tag: string): Clamav =>
  (...command) => {
    const places = ['--network=host', `--volume=${folder}:${folder}`];
    return native()('docker', 'run', '--rm', ...places, tag, ...command);
  };

const scan = (clamav: Clamav) =>
  clamav('clamscan', '--no-summary', `--database=${folder}/daily-2.cvd`, `${folder}/sample`);

/** Updates a client by freshclam from version 1, which it has, and returns the signatures it has then. */
async function update(clamav: Clamav): Promise<string | undefined> {
  const client = await mkdtemp(join(folder, 'client-'));
  const asked: string[] = [];
  await using host = await startHost({
    folder: join(folder, 'mirror'),
    onRequest: ({ path }) => asked.push(path),
  });
  await writeFile(join(client, 'daily.cvd'), chain[0]?.cvd ?? '');
  const config = join(client, 'freshclam.conf');
  await writeFile(config, `DatabaseMirror ${host.url}\nDatabaseOwner ${userInfo().username}\n`);
  const said = await clamav(
    'freshclam',
    `--config-file=${config}`,
    `--datadir=${client}`,
    '--no-dns',
    '--stdout',
    '--update-db=daily',
  );
  expect(said).toContain('daily.cld updated (version: 2');
  expect(asked).toContain('/daily-2.cdiff');
  const { files } = readContainer(await readFile(join(client, 'daily.cld')));
  return files.get('daily.ndb')?.toString();
}

describeWithClamav('the ClamAV of this machine', () => {
  test("refuses what the tests' keys signed", async () => {
    expect(await scan(native())).toMatch(/exit 2$/);
  });

  test('re-keyed, loads it', async () => {
    await using rekeyed = await rekeyedNative(makeTestKeys().keys);
    expect(await scan(native(rekeyed.path))).toMatch(FOUND);
  });

  test('re-keyed, updates to it by a CDIFF', async () => {
    await using rekeyed = await rekeyedNative(makeTestKeys().keys);
    expect(await update(native(rekeyed.path))).toBe(version(2).get('daily.ndb')?.toString());
  });
});

describe.each(['oldest', 'older'] as const)('the %s ClamAV in an image', (name) => {
  describeWithImages(name)('that was built for the tests', () => {
    test("refuses what the tests' keys signed", async () => {
      expect(await scan(inImage(image(name)))).toMatch(/exit 2$/);
    });

    test('re-keyed, loads it, and updates to it by a CDIFF, and is gone afterwards', async () => {
      let made: string;
      {
        await using rekeyed = await rekeyedImage(image(name), makeTestKeys().keys);
        made = rekeyed.image;
        expect(await scan(inImage(made))).toMatch(FOUND);
        expect(await update(inImage(made))).toBe(version(2).get('daily.ndb')?.toString());
      }
      await expect(docker('image', 'inspect', made)).rejects.toThrow('No such image');
    });
  });
});

describe('keys are not exchanged', () => {
  const { header, info, cdiff } = TALOS_KEYS;
  const library = () => Buffer.from(`\0${header.n}\0${info.n}\0${cdiff.n}100002053\n`);
  const keys = makeTestKeys().keys;

  test('unless each is found', () => {
    const files = new Map([['libclamav.so', Buffer.from(`\0${header.n}\0${cdiff.n}\0`)]]);
    expect(() => rekey(files, keys)).toThrow('info key is in none of libclamav.so');
  });

  test('if one is in a file twice', () => {
    const files = new Map([['libclamav.so', Buffer.concat([library(), library()])]]);
    expect(() => rekey(files, keys)).toThrow('libclamav.so holds');
  });

  test('for one with another exponent', () => {
    const files = new Map([['libclamav.so', library()]]);
    expect(() => rekey(files, { ...keys, info: { ...keys.info, e: 65537n } })).toThrow('does not fit');
  });
});
