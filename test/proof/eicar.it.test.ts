import { afterAll, beforeAll, expect, test } from 'vitest';
import { eicar } from '../../scripts/proof/samples/samples.ts';
import { clamdThatCrashes, fakeTools, knowing, openProver, trusting } from '../support/clamav/engines.ts';
import { type RekeyedNative, rekeyedNative } from '../support/clamav/rekeyed.ts';
import { makeChain } from '../support/databases/chain.ts';
import { md5, SOUND } from '../support/databases/hostile.ts';
import { makeTestKeys, testTrust } from '../support/databases/signing.ts';
import { describeMirror, startMirror, type TestMirror } from '../support/mirror/cycle.ts';

/** What the two versions of a database call EICAR; `undefined`: they do not know it. */
type Names = readonly [first: string | undefined, second: string | undefined];

describeMirror('EICAR is expected as the published set finds it', () => {
  let clamav: RekeyedNative;
  beforeAll(async () => {
    clamav = await rekeyedNative(makeTestKeys().keys);
  });
  afterAll(async () => await clamav[Symbol.asyncDispose]());

  function release(mirror: TestMirror, database: string, version: 1 | 2, names: Names): void {
    const chain = makeChain(
      database,
      names.map((name, at) => {
        const known = name === undefined ? [] : [`${md5(eicar())}:68:${name}`];
        const hdb = [`${md5(String(at))}:1:Win.Test.Nobody-${at}`, ...known];
        return new Map(
          Object.entries({ ...SOUND, hdb }).map(([extension, lines]) => {
            return [
              `${database}.${extension}`,
              Buffer.from(lines.map((line) => `${line}\n`).join('')),
            ] as const;
          }),
        );
      }),
      { header: { signatures: 100, fLevel: 90 } },
    );
    const { cvd, cdiff } = chain[version - 1] ?? expect.unreachable();
    mirror.upstream.set(`${database}.cvd`, cvd);
    if (cdiff !== undefined) mirror.upstream.set(`${database}-${version}.cdiff`, cdiff);
  }

  async function sync(mirror: TestMirror, database: string, isProven: boolean, path = clamav.path) {
    const { databases } = await mirror.sync({
      flags: { databases: database },
      trust: testTrust(),
      openProver: isProven ? () => openProver(path) : async () => trusting,
    });
    return databases[database];
  }

  /** The second version of a mirror that has published the first. */
  async function second(names: Names, path?: string) {
    await using mirror = await startMirror();
    release(mirror, 'daily', 1, names);
    expect(await sync(mirror, 'daily', false)).toMatchObject({ outcome: 'published' });
    release(mirror, 'daily', 2, names);
    return await sync(mirror, 'daily', true, path);
  }

  async function first(database: string, name: string | undefined) {
    await using mirror = await startMirror();
    release(mirror, database, 1, [name, name]);
    return await sync(mirror, database, true);
  }

  test('by another name, that of before', async () => {
    expect(await second(['Win.Other-1', 'Win.Other-1'])).toMatchObject({ outcome: 'published', to: 2 });
  });

  test('not at all, where what is published does not know it', async () => {
    expect(await second([undefined, undefined])).toMatchObject({ outcome: 'published', to: 2 });
  });

  test('anew, where what is published does not know it', async () => {
    expect(await second([undefined, 'Win.Other-1'])).toMatchObject({ outcome: 'published', to: 2 });
  });

  test('which a version that has lost it is refused for', async () => {
    const lost = {
      outcome: 'refused',
      code: 'proof/failed',
      to: 1,
      reason: expect.stringMatching(/eicar\.com/),
    };
    expect(await second(['Eicar-Test-Signature', undefined])).toMatchObject(lost);
  });

  test.each<[string, Names]>([
    ['knows it', ['Eicar-Test-Signature', 'Eicar-Test-Signature']],
    ['does not', [undefined, undefined]],
  ])(
    'but of an engine that finds nothing with any database no proof is taken, where what is published %s',
    async (_, names) => {
      const clamscan = '"$REAL" "$@" | sed "s/: .* FOUND\\$/: OK/"; exit 0';
      await using blind = await fakeTools({ clamscan }, { path: clamav.path });
      expect(await second(names, blind.path)).toMatchObject({
        outcome: 'failed',
        code: 'engine/broken',
        to: 1,
      });
    },
  );

  test.each<[string, Names]>([
    ['nor the published one', [undefined, undefined]],
    ['and the published one does not', [undefined, 'Eicar-Test-Signature']],
  ])(
    'where a new version that kills clamd knows it, %s, so that it is no engine that is broken',
    async (_, names) => {
      const clamd = `${knowing('daily', 2)}; ${clamdThatCrashes('correctly reloaded', 'has 2')}`;
      await using fatal = await fakeTools({ clamd }, { path: clamav.path });
      expect(await second(names, fatal.path)).toMatchObject({
        outcome: 'refused',
        code: 'proof/failed',
        to: 1,
      });
    },
  );

  test('with nothing published, of main but not of daily alone', async () => {
    expect(await first('daily', undefined)).toMatchObject({ outcome: 'published', to: 1 });
    expect(await first('main', undefined)).toMatchObject({ outcome: 'refused', code: 'proof/failed' });
    expect(await first('daily', 'Win.Test.EICAR_HDB-1')).toMatchObject({ outcome: 'published', to: 1 });
  });
});
