import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COSTS, costOf, FIXED, type Generation, type Piece, type Way } from '../../scripts/conf/costs.ts';
import { dnsRecordsFor } from '../../scripts/cvd/dns-record.ts';
import { type Engine, readsSigns } from '../../scripts/engine/engine.ts';
import type { RequestLine } from '../../scripts/host/response.ts';
import { startNameserver } from '../../scripts/proof/clients/nameserver.ts';
import { noNameserver } from '../support/clamav/engines.ts';
import { type Clamav15, clamav15 } from '../support/clamav-15/clamav-15.ts';
import { describeWithClamav15 } from '../support/clamav-15/part.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';
import { signedMirror, TestSigner } from '../support/sign/signed-mirror.ts';
import { isRealFrom15, REAL_FROM_15 } from './real-15.ts';
import { configured, engineOf, startPrintedClient, startSeenHost, textOf } from './support.ts';

const RECORD = 'current.cvd.mirror.invalid';
const FLAGS: Readonly<Record<Way, Readonly<Record<string, string>>>> = {
  DatabaseMirror: {},
  DNS: { dns: RECORD },
  PrivateMirror: { private: 'true' },
};

describeMirror('the table of what a client costs', () => {
  describeWithOpenssl('at a mirror with .sign files', () => {
    let signer: TestSigner;
    let mirror: TestMirror;
    let engine15: Clamav15;
    beforeAll(async () => {
      signer = new TestSigner();
      engine15 = await clamav15({ roots: signer.trust.roots });
      mirror = await signedMirror(signer, 5, 6);
    });
    afterAll(async () => {
      await mirror[Symbol.asyncDispose]();
      await engine15[Symbol.asyncDispose]();
      signer[Symbol.dispose]();
    });

    /** What a client of each occasion asks for, with the bytes that it gets. */
    async function measured(engine: Engine, way: Way): Promise<Record<string, RequestLine[]>> {
      await using host = await startSeenHost(mirror.store, engine);
      const text = textOf(
        await configured([host.url], { ...FLAGS[way], databases: 'test' }),
        'freshclam.conf',
      );
      const records = dnsRecordsFor(new Map([['test', { version: 6, fLevel: 90 }]]), RECORD, new Date());
      await using nameserver = way === 'DNS' ? await startNameserver(records) : undefined;
      // The stand-in for 1.5 is a 1.4 that takes a `.sign` for an old database, unless it is told what to update.
      const options = {
        ...(nameserver && { nameserver: nameserver.address }),
        args: readsSigns(engine) ? ['--update-db=test'] : [],
      };
      await using fresh = await startPrintedClient(engine);
      await using behind = await startPrintedClient(engine);
      const archived = join(mirror.store, 'archive', 'test-5.cvd');
      await behind.plant(5, archived, readsSigns(engine) ? `${archived}.sign` : undefined);
      const asked = async (client: typeof fresh) => {
        host.requests.length = 0;
        const { output } = await client.freshclam(text, options);
        expect(await client.has(), output).toMatch(/ 6$/);
        return [...host.requests];
      };
      return { start: await asked(fresh), check: await asked(fresh), update: await asked(behind) };
    }

    async function isAsTheTableSays(engine: Engine, generation: Generation, way: Way) {
      const found = await measured(engine, way);
      for (const occasion of ['check', 'update', 'start'] as const) {
        const requests = found[occasion] ?? [];
        const pieces = COSTS[generation][way][occasion];
        expect(requests.map(pieceOf), occasion).toEqual(pieces);
        const sizes = Object.fromEntries(requests.map((line) => [pieceOf(line), line.bytes]));
        const sum = requests.reduce((bytes, line) => bytes + line.bytes, 0);
        for (const piece of Object.keys(FIXED)) delete sizes[piece];
        expect(costOf(pieces, sizes), occasion).toEqual({ requests: requests.length, bytes: sum });
      }
    }

    describe.for(['DatabaseMirror', 'PrivateMirror', 'DNS'] as const)('%s', (way) => {
      const lacksNameserver = async (engine: Engine) =>
        way === 'DNS' ? await noNameserver(engine) : undefined;

      test('holds for the ClamAV of this machine', async ({ skip }) => {
        const engine = await engineOf('native');
        const why = await lacksNameserver(engine);
        skip(why !== undefined, why);
        skip(readsSigns(engine), 'it is a later one, which does not trust the signer of this test');
        await isAsTheTableSays(engine, '0.103', way);
      });

      describeWithImages('oldest')('and an image', () => {
        test('holds for ClamAV 0.103', async ({ skip }) => {
          const engine = await engineOf(`docker:${image('oldest')}`);
          const why = await lacksNameserver(engine);
          skip(why !== undefined, why);
          await isAsTheTableSays(engine, '0.103', way);
        });
      });

      describeWithClamav15('and the stand-in for 1.5', () => {
        test('holds for what 1.5 does', async ({ skip }) => {
          skip(isRealFrom15(), REAL_FROM_15);
          const engine = await engineOf('native', engine15.path);
          const why = await lacksNameserver(engine);
          skip(why !== undefined, why);
          await isAsTheTableSays(engine, '1.5', way);
        });
      });
    });
  });
});

/** A version check is a part of a CVD, whatever part. */
function pieceOf({ path, status, range }: RequestLine): Piece | string {
  if (status === 404) return 'missing';
  if (status === 304) return 'unchanged';
  if (path === '/test.cvd') return range === undefined ? 'cvd' : 'header';
  return path.replace(/^\/test-6\./, '');
}
