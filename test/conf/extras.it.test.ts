import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { EXTRA_COSTS, type Occasion } from '../../scripts/conf/costs.ts';
import type { Engine } from '../../scripts/engine/engine.ts';
import { eicar } from '../../scripts/proof/samples/samples.ts';
import { publishedMirror } from '../probe/support.ts';
import { type Clamav15, clamav15 } from '../support/clamav-15/clamav-15.ts';
import { describeWithClamav15 } from '../support/clamav-15/part.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { clamscan } from '../support/mirror/clamscan.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { publishExtras, SOBIG, sobig, textSignature } from '../support/mirror/published-extras.ts';
import { isRealFrom15, REAL_FROM_15 } from './real-15.ts';
import { configured, engineOf, startPrintedClient, startSeenHost, textOf } from './support.ts';

const OWN = textSignature('Own.Found', 'this is ours to find');
const NOTHING = '# nothing is allowed\n';
const EICAR = 'Eicar-Test-Signature';
/** More than the clock of a client may be ahead. */
const LONG_AGO = new Date(Date.now() - 2 * 3_600_000);

describeMirror('a printed configuration for a mirror with extras', () => {
  let mirror: TestMirror;
  beforeAll(async () => {
    mirror = await publishedMirror();
  });
  afterEach(async () => await publishExtras(mirror.store, {}));
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  /** An update with the conf again and again: what was asked for of each extra, and what is found afterwards. */
  async function follows(engine: Engine, flags: Readonly<Record<string, string>>) {
    await using host = await startSeenHost(mirror.store, engine);
    await using client = await startPrintedClient(engine);
    await publishExtras(mirror.store, { 'own.ndb': OWN, 'local.ign2': NOTHING }, { at: LONG_AGO });
    const text = textOf(await configured([host.url], flags), 'freshclam.conf');
    const samples = { eicar: eicar(), sobig: sobig(), own: 'this is ours to find' };
    const next = async () => {
      host.requests.length = 0;
      const { output } = await client.freshclam(text);
      const asked = host.requests.filter(({ path }) => !/^\/test[.-]/.test(path));
      const pieces = asked.map(({ path, status }) => `${path.slice(1)} ${status}`);
      return { pieces, found: await clamscan(join(client.folder, 'db'), samples, engine), output };
    };
    const own = 'Own.Found.UNOFFICIAL';

    const start = await next();
    expect(start.found, start.output).toEqual({ eicar: EICAR, sobig: SOBIG, own });
    expect(start.pieces).toEqual(asTheTableSays('start'));

    expect((await next()).pieces).toEqual(asTheTableSays('check'));

    await publishExtras(mirror.store, { 'own.ndb': OWN, 'local.ign2': `${SOBIG}\n` }, { at: new Date() });
    const allowed = await next();
    expect(allowed.found, allowed.output).toEqual({ eicar: EICAR, sobig: 'OK', own });

    await publishExtras(mirror.store, { 'own.ndb': OWN, 'local.ign2': NOTHING }, { at: new Date() });
    const disallowed = await next();
    expect(disallowed.found, disallowed.output).toEqual({ eicar: EICAR, sobig: SOBIG, own });
  }

  function asTheTableSays(occasion: Occasion): string[] {
    const status = { extra: 200, unchanged: 304 } as Record<string, number>;
    return ['local.ign2', 'own.ndb'].flatMap((name) =>
      EXTRA_COSTS[occasion].map((piece) => `${name} ${status[piece]}`),
    );
  }

  describe.for([
    ['DatabaseMirror', {}],
    ['PrivateMirror', { private: 'true' }],
  ] as const)('with %s', ([, flags]) => {
    test('lets the ClamAV of this machine follow its allow list at the next check', async () => {
      await follows(await engineOf('native'), flags);
    });

    describeWithImages('oldest')('and an image', () => {
      test('lets ClamAV 0.103 do so', async () => {
        await follows(await engineOf(`docker:${image('oldest')}`), flags);
      });
    });

    describeWithClamav15('and the stand-in for 1.5', () => {
      let engine15: Clamav15;
      beforeAll(async () => {
        engine15 = await clamav15({});
      });
      afterAll(async () => await engine15[Symbol.asyncDispose]());

      test('lets it do so', async ({ skip }) => {
        skip(isRealFrom15(), REAL_FROM_15);
        await follows(await engineOf('native', engine15.path), flags);
      });
    });
  });

  test('goes on with the databases where an extra is gone, and reads the allow list before it', async () => {
    const native = await engineOf('native');
    await using host = await startSeenHost(mirror.store, native);
    await using client = await startPrintedClient(native);
    await publishExtras(mirror.store, { 'gone.ndb': OWN, 'local.ign2': NOTHING }, { at: LONG_AGO });
    const text = textOf(await configured([host.url]), 'freshclam.conf');
    await publishExtras(mirror.store, { 'local.ign2': `${SOBIG}\n` });
    await client.freshclam(text.replace(/^MaxAttempts .*$/m, 'MaxAttempts 1'));
    expect(await client.has()).toBe('test.cvd 6');
    expect(await clamscan(join(client.folder, 'db'), { sobig: sobig() })).toEqual({ sobig: 'OK' });
  });
});
