import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PARTIAL_RECORD_BYTES } from '../../scripts/base/limits/machine.ts';
import { acquireCvd } from '../../scripts/upstream/acquire/cvd.ts';
import { clearPartials, Partials } from '../../scripts/upstream/acquire/partials.ts';
import { makeChain } from '../support/databases/chain.ts';
import { signatureLine } from '../support/databases/signatures.ts';
import type { Fault } from '../support/mirror/upstream.ts';
import { type Acquiring, offered, startAcquiring } from './acquire/acquiring.ts';

/** Large enough for a cut in the middle of it, and of bytes that do not compress. */
const NOISE = [...Array(36_000).keys()].map((id) => {
  const hash = createHash('md5').update(`${id}`).digest('hex');
  return `${hash}:${id + 1}:Noise.${hash.slice(0, 16)}\n`;
});
const [LINK] = makeChain('test', [
  new Map([['test.hdb', Buffer.from(`${signatureLine(0, 1)}${NOISE.join('')}`)]]),
]);
const CVD = LINK?.cvd ?? Buffer.alloc(0);
const DAY = 24 * 60 * 60_000;

interface Cycles extends Acquiring {
  /** What one cycle does, with all that it knows of the last one on disk; returns the code of its trouble, if it has one. */
  cycle(now?: Date): Promise<string>;
  readonly part: string;
  readonly record: string;
}

/** Acquiring by a clock that strikes the end of the first cycle in the middle of the CVD. */
async function start(fault: Fault = {}): Promise<Cycles> {
  let cycles = 0;
  let begun = 0;
  const clock = (): number => (cycles === 1 && it.parts.client.received - begun > CVD.length / 2 ? 1e12 : 0);
  const it = await startAcquiring(offered([LINK ?? never()]), { patience: { clock, file: 1e9 } });
  it.upstream.fail('test.cvd', fault);
  const folder = join(it.folder, 'partial');
  return Object.assign(it, {
    part: join(folder, 'test.cvd.part'),
    record: join(folder, 'test.cvd.json'),
    async cycle(now = new Date()) {
      const offer = await it.offer();
      it.upstream.forget();
      cycles++;
      begun = it.parts.client.received;
      const partials = new Partials(folder, () => now);
      return await acquireCvd(offer, undefined, { ...it.parts, partials }).then(
        () => 'proven',
        (error) => error.code,
      );
    },
  });
}

/** Expects the whole CVD in the stage, and nothing left over. */
async function expectProven(it: Cycles) {
  expect((await readFile(it.stage.path('test.cvd'))).equals(CVD)).toBe(true);
  expect(existsSync(join(it.folder, 'partial'))).toBe(false);
}

const rangeOf = (it: Cycles) => it.upstream.requests.map(({ range }) => range);

describe('a file that does not come whole in one cycle', () => {
  test('is gone on with in the next one where it ended, under the condition that it is the same', async () => {
    await using it = await start();
    expect(await it.cycle()).toBe('upstream/slow');
    const { size } = await stat(it.part);
    expect(size).toBeGreaterThan(0);
    expect(await it.cycle()).toBe('proven');
    expect(it.upstream.requests).toMatchObject([
      { range: `bytes=${size}-`, ifRange: expect.stringMatching(/^"/), status: 206, sent: CVD.length - size },
    ]);
    await expectProven(it);
  });

  test('that came whole, and was never proven, is not asked for again', async () => {
    await using it = await start();
    await it.cycle();
    await writeFile(it.part, CVD);
    expect(await it.cycle()).toBe('proven');
    expect(it.upstream.asked).toEqual([]);
    await expectProven(it);
  });

  test('and is another one by then is taken anew', async () => {
    await using it = await start();
    await it.cycle();
    it.upstream.fail(
      'test.cvd',
      { times: 1 },
      { change: CVD.map((byte) => byte ^ 1), times: 1 },
      { change: CVD },
    );
    expect(await it.cycle()).toBe('proven');
    expect(it.upstream.requests).toMatchObject([
      { ifRange: expect.any(String), status: 200 },
      { range: undefined },
    ]);
    await expectProven(it);
  });

  test('is left out of a cycle that asks for another version', async () => {
    await using it = await start();
    await it.cycle();
    await writeFile(it.record, (await readFile(it.record, 'utf8')).replace(/"of":"\w+"/, '"of":"another"'));
    expect(await it.cycle()).toBe('proven');
    expect(rangeOf(it)).toEqual([undefined]);
    await expectProven(it);
  });

  test('without a validator is not kept', async () => {
    await using it = await start({ noValidator: true });
    expect(await it.cycle()).toBe('upstream/slow');
    expect(existsSync(join(it.folder, 'partial'))).toBe(false);
  });

  test('of a week ago is thrown away, with whatever else lies there', async () => {
    await using it = await start();
    await it.cycle();
    await writeFile(join(it.folder, 'partial', 'other.part'), 'x');
    const past = new Date(Date.now() - 8 * DAY);
    for (const name of await readdir(join(it.folder, 'partial')))
      await utimes(join(it.folder, 'partial', name), past, past);
    expect(await it.cycle()).toBe('proven');
    expect(rangeOf(it)).toEqual([undefined]);
    await expectProven(it);
  });
});

test('of parts, what a kill left without the rest is cleared, and whole ones stay', async () => {
  await using it = await start();
  await it.cycle();
  const folder = join(it.folder, 'partial');
  const whole = await readdir(folder);
  for (const name of ['main.cvd.json', 'daily.cvd.part', '.tmp-test.cvd.json'])
    await writeFile(join(folder, name), 'x');
  await clearPartials(folder);
  expect((await readdir(folder)).sort()).toEqual(whole.sort());
  for (const name of whole.slice(1)) await rm(join(folder, name));
  await clearPartials(folder);
  expect(existsSync(folder)).toBe(false);
});

describe('what somebody else has put there', () => {
  const hostile: Record<string, (it: Cycles) => Promise<void>> = {
    'other bytes': async (it) => await writeFile(it.part, Buffer.alloc((await stat(it.part)).size, 'x')),
    'other bytes as a whole': async (it) => await writeFile(it.part, Buffer.alloc(CVD.length, 'x')),
    'more bytes than there are': async (it) => await truncate(it.part, CVD.length + 1),
    'no bytes': async (it) => await truncate(it.part, 0),
    'no record': async (it) => await writeFile(it.record, '{"upstream":'),
    'a record without an end': async (it) =>
      await writeFile(it.record, `${' '.repeat(PARTIAL_RECORD_BYTES)}${await readFile(it.record, 'utf8')}`),
    'a record of a terabyte': async (it) => {
      const record = JSON.parse(await readFile(it.record, 'utf8'));
      await writeFile(it.record, JSON.stringify({ ...record, total: 1e12 }));
      await truncate(it.part, 2e6);
    },
    'a validator with a line of its own': async (it) => {
      const record = JSON.parse(await readFile(it.record, 'utf8'));
      await writeFile(it.record, JSON.stringify({ ...record, validator: '"x"\r\nhost: evil' }));
    },
    'a validator of another file': async (it) => {
      const record = JSON.parse(await readFile(it.record, 'utf8'));
      await writeFile(it.record, JSON.stringify({ ...record, validator: '"another"' }));
    },
  };
  test.each(Object.entries(hostile))('%s: costs a download, and blames nobody', async (_, change) => {
    await using it = await start();
    await it.cycle();
    await change(it);
    expect(await it.cycle()).toBe('proven');
    await expectProven(it);
  });

  test('a link is not followed', async () => {
    await using it = await start();
    await it.cycle();
    const elsewhere = join(it.folder, 'elsewhere');
    await writeFile(elsewhere, Buffer.alloc(1000, 'mine'));
    const record = await readFile(it.record);
    await it.parts.stage.discardDatabase('test');
    for (const link of [it.part, it.record]) {
      await mkdir(join(it.folder, 'partial'), { recursive: true });
      await writeFile(it.record, record);
      await rm(link, { force: true });
      await symlink(elsewhere, link);
      expect(await it.cycle()).toBe('proven');
      await it.parts.stage.discardDatabase('test');
      expect((await readFile(elsewhere)).equals(Buffer.alloc(1000, 'mine'))).toBe(true);
    }
  });
});

function never(): never {
  throw new Error('a chain of one version has one');
}

describe('two files at once', () => {
  /** Writes what it is asked for when it is told to, as a client that waits for its first byte. */
  function waiting() {
    const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const download = async (_: string, path: string) => {
      asked.resolve();
      await answered.promise;
      await writeFile(path, 'whole');
    };
    return {
      client: { download, url: 'http://here' },
      asked: asked.promise,
      answer: () => answered.resolve(),
    };
  }

  test.each([
    ['now', 0],
    ['by a clock that is behind', -3 * DAY],
  ])('leave each other alone, %s, whichever ends first', async (_, behind) => {
    await using it = await startAcquiring(new Map());
    const folder = join(it.folder, 'partial');
    const partials = new Partials(folder, () => new Date(Date.now() + behind));
    const [slow, late] = [waiting(), waiting()];
    const wanted = (name: string) => ({ of: name, to: join(it.folder, name), limit: 100 });
    const first = partials.download('main.cvd', wanted('main'), slow.client);
    await slow.asked;
    await writeFile(join(folder, 'main.cvd.part'), 'half');
    const second = partials.download('daily.cvd', wanted('daily'), late.client);
    await late.asked;
    expect(existsSync(join(folder, 'main.cvd.part'))).toBe(true);
    late.answer();
    await second;
    await rm(join(folder, 'main.cvd.part')); // nothing is there of it, but the folder has to be
    slow.answer();
    await first;
    expect(await readFile(join(it.folder, 'main'), 'utf8')).toBe('whole');
    expect(existsSync(folder)).toBe(false);
  });

  test('say what went wrong, and not that there is no part of it', async () => {
    await using it = await startAcquiring(new Map());
    const partials = new Partials(join(it.folder, 'partial'), () => new Date());
    const download = async (_: string, path: string, __: number, options?: { onFile?: OnFile }) => {
      await options?.onFile?.('"tag"', 100);
      await rm(path, { force: true });
      throw new RangeError('cut off');
    };
    const wanted = { of: 'main', to: join(it.folder, 'main'), limit: 100 };
    await expect(partials.download('main.cvd', wanted, { download, url: 'http://here' })).rejects.toThrow(
      RangeError,
    );
  });
});

type OnFile = (validator: string | undefined, total: number) => Promise<void>;
