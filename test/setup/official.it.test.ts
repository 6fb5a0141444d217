import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DEFAULT_CACHE, ensureOfficial, OFFICIAL_FILES } from '../../scripts/setup/official-files.ts';
import {
  describeWith,
  describeWithOfficial,
  describeWithSigns,
  official,
  signFolder,
} from '../support/setup/official.ts';
import { triedPart } from '../support/setup/real-part.ts';
import { makeArchive, type Suite } from './archive.ts';
import { type FakeMachine, fakeMachine } from './fakes.ts';

const log = () => {};
const apt = 'apt-get --version && /usr/lib/apt/apt-helper cat-file /etc/os-release';
const describeWithApt = describeWith(await triedPart('apt', ['sh', '-c', apt], 'apt'));

/** A machine with real apt, which takes its packages from an archive of these suites. */
async function machineWith(suites: readonly Suite[]): Promise<FakeMachine> {
  const machine = await fakeMachine({ 'apt-config': `printf "LIST='%s'\\n" "$HERE/sources.list"` });
  await writeFile(
    join(machine.folder, 'sources.list'),
    await makeArchive(join(machine.folder, 'archive'), suites),
  );
  return machine;
}

/** The fake apt-config comes before the real one, and real apt-get after it. */
const placesOf = ({ options }: FakeMachine) => ({ path: options.path, log });

async function officialFiles(): Promise<Map<string, Uint8Array>> {
  return new Map(
    await Promise.all(OFFICIAL_FILES.map(async (name) => [name, await readFile(official(name))] as const)),
  );
}

function flipped(bytes: Buffer): Buffer {
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

/** Fills a new cache from these suites with the official files, and returns what is there then. */
async function fetched(suites: readonly Suite[]): Promise<string[]> {
  await using machine = await machineWith(suites);
  const cache = join(machine.folder, 'cache');
  expect(await ensureOfficial(cache, placesOf(machine))).toBe(cache);
  for (const name of OFFICIAL_FILES) {
    expect((await readFile(join(cache, name))).equals(await readFile(official(name))), name).toBe(true);
  }
  return (await readdir(cache)).sort();
}

/** Tries to fill a new cache from these suites. Returns the reasons why it will not do, and what is there then. */
async function refused(suites: readonly Suite[]): Promise<{ why: string; cache: string[] }> {
  await using machine = await machineWith(suites);
  const cache = join(machine.folder, 'cache');
  const error: unknown = await ensureOfficial(cache, placesOf(machine)).catch((reason) => reason);
  expect(error).toMatchObject({ code: 'setup/official-unavailable' });
  const why = error instanceof Error ? error.message : '';
  return { why, cache: await readdir(cache).catch(() => []) };
}

describeWithOfficial("Talos' test databases", () => {
  test("in the project's cache are proven without any program", async () => {
    await using machine = await fakeMachine({});
    expect(await ensureOfficial(DEFAULT_CACHE, { ...machine.options, log })).toBe(DEFAULT_CACHE);
  });

  test('cannot be had where there is no apt', async () => {
    await using machine = await fakeMachine({});
    const [cache, options] = [join(machine.folder, 'cache'), { ...machine.options, log }];
    await expect(ensureOfficial(cache, options)).rejects.toThrow(
      expect.objectContaining({ code: 'setup/official-unavailable' }),
    );
  });

  describeWithApt('fetched by real apt', fetchedByApt);
});

function fetchedByApt() {
  test('come from the first suite that has the source package', async () => {
    const files = await officialFiles();
    const missing: Suite = { name: 'a', files, tarball: 'missing' };
    expect(await fetched([missing, { name: 'b', files }])).toEqual([...OFFICIAL_FILES].sort());
  });

  test('come from the first suite that has all of them', async () => {
    const files = await officialFiles();
    const lacking: Suite = {
      name: 'a',
      files: new Map([...files].filter(([name]) => name !== 'test-4.cdiff')),
    };
    await fetched([lacking, { name: 'b', files }]);
    expect((await refused([lacking])).why).toContain('test-4.cdiff');
  });

  test.each(['test-1.cvd', 'test-6.cdiff', 'bytecode.cvd'])(
    'are fetched anew if %s was tampered with in the cache',
    async (name) => {
      const files = await officialFiles();
      await using machine = await machineWith([{ name: 'a', files }]);
      const cache = join(machine.folder, 'cache');
      await ensureOfficial(cache, placesOf(machine));
      await writeFile(join(cache, name), flipped(await readFile(official(name))));
      await ensureOfficial(cache, placesOf(machine));
      expect((await readFile(join(cache, name))).equals(await readFile(official(name)))).toBe(true);
    },
  );

  test.each([
    ['cut to nothing', 'test-3.cdiff', () => Buffer.of()],
    ['cut short', 'test-3.cvd', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['followed by something', 'test-6.cvd', (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(10)])],
    ['with a flipped bit', 'bytecode.cvd', flipped],
  ])('are refused if one is %s', async (_, name, change) => {
    const files = (await officialFiles()).set(name, change(await readFile(official(name))));
    const { why, cache } = await refused([{ name: 'a', files }]);
    expect(why).toContain(name);
    expect(cache).not.toContain(name);
  });

  test.each([
    ['test-4.cdiff', 'test-3.cdiff'],
    ['test-4.cvd', 'test-3.cvd'],
    ['test-6.cvd', 'bytecode.cvd'],
  ])('are refused if %s is really %s', async (name, other) => {
    const files = (await officialFiles()).set(name, await readFile(official(other)));
    const { why, cache } = await refused([{ name: 'a', files }]);
    expect(why).toContain(name);
    expect(cache).not.toContain(name);
  });

  test('are refused from an archive without a signature', async () => {
    const { why, cache } = await refused([{ name: 'a', files: await officialFiles(), trusted: false }]);
    expect(why).toContain('not signed');
    expect(cache).toEqual([]);
  });

  test('are refused from a tarball that the index does not know', async () => {
    const { why, cache } = await refused([{ name: 'a', files: await officialFiles(), tarball: 'altered' }]);
    expect(why).toMatch(/Failed to fetch \S+\.orig\.tar\.gz/); // why: apt 3 does not say it of a file of this machine
    expect(cache).toEqual([]);
  });

  test('cannot be had where apt knows no archive', async () => {
    await refused([]);
  });

  describeWithSigns('with .sign files beside them', () => {
    test('bring those that sign them', async () => {
      const files = await officialFiles();
      const sign = async (name: string) => await readFile(join(signFolder ?? '', name));
      files.set('test-1.cvd.sign', await sign('test-1.cvd.sign'));
      files.set('test-2.cdiff.sign', await sign('test-2.cdiff.sign'));
      files.set('test-3.cvd.sign', await sign('test-4.cvd.sign'));
      const brought = ['test-1.cvd.sign', 'test-2.cdiff.sign'];
      expect(await fetched([{ name: 'a', files }])).toEqual([...OFFICIAL_FILES, ...brought].sort());
    });
  });
}
