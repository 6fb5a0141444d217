import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { runCycle } from '../../scripts/cycle/cycle.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { OFFICIAL_RECORD } from '../../scripts/upstream/official.ts';
import { trusting } from '../support/clamav/engines.ts';
import { describeWithUpdateClients, updateWithCvdupdate } from '../support/clamav/update-clients.ts';
import { makeChain } from '../support/databases/chain.ts';
import { signatureLine } from '../support/databases/signatures.ts';
import { testTrust } from '../support/databases/signing.ts';
import { startUpstream, type TestUpstream } from '../support/mirror/upstream.ts';
import { type Nameserver, startNameserver } from '../support/web/dns.ts';

const FIRST = 10;
/** Seven versions of `daily`, of bytes that do not compress, so that a CVD is larger than its CDIFFs. */
const CHAIN = makeChain(
  'daily',
  Array.from({ length: 7 }, (_, version) => {
    const noise = Array.from({ length: 2000 }, (_, id) => {
      const hash = createHash('md5').update(`${id}`).digest('hex');
      return `${hash}:${id + 1}:Noise.${hash.slice(0, 16)}\n`;
    });
    return new Map([['daily.hdb', Buffer.from(`${signatureLine(0, version + 1)}${noise.join('')}`)]]);
  }),
  { from: FIRST },
);

/** What one of the two asks of an upstream, without `.sign` files, which cvdupdate 1.1.1 does not know. */
interface Cost {
  readonly requests: number;
  readonly bytes: number;
}

interface Side extends AsyncDisposable {
  /** Brings the mirror to the newest version of its upstream, and tells what that cost. */
  update(newest: number): Promise<Cost>;
}

/** Makes an upstream offer a version, with the CDIFFs of the seven. */
function offer(upstream: TestUpstream, newest: number): void {
  for (const { version, cvd, cdiff } of CHAIN) {
    if (version > newest) continue;
    upstream.set('daily.cvd', cvd);
    if (cdiff !== undefined) upstream.set(`daily-${version}.cdiff`, cdiff);
  }
}

function costOf(upstream: TestUpstream): Cost {
  const seen = upstream.requests.filter(({ name }) => !name.endsWith('.sign'));
  return { requests: seen.length, bytes: seen.reduce((sum, { sent }) => sum + sent, 0) };
}

/** A nameserver that names this version as the newest. */
async function startRecord(daily: number): Promise<Nameserver> {
  const seconds = Math.floor(Date.now() / 1000);
  return await startNameserver({ [OFFICIAL_RECORD]: [`1.0.9:63:${daily}:${seconds}:1:90:49192:339`] });
}

type Update = (folder: string, upstream: TestUpstream, dns: Nameserver) => Promise<number | undefined>;

async function startSide(update: Update): Promise<Side> {
  const folder = await mkdtemp(join(tmpdir(), 'beside-'));
  const upstream = await startUpstream();
  return {
    async update(newest) {
      offer(upstream, newest);
      upstream.forget();
      await using dns = await startRecord(newest);
      expect(await update(folder, upstream, dns)).toBe(newest);
      return costOf(upstream);
    },
    async [Symbol.asyncDispose]() {
      await upstream[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const ours =
  (isTold: boolean): Update =>
  async (folder, { url }, { address }) => {
    const [store, work] = [join(folder, 'mirror'), join(folder, 'work')];
    const told = isTold ? { dns: OFFICIAL_RECORD, nameservers: address } : { dns: 'off' };
    // a new mirror of cvdupdate has one CDIFF; ours takes more of them for clients that are behind, if it may
    const flags = { upstream: url, databases: 'daily', store, work, cdiffs: '1', ...told };
    const report = await runCycle(syncSettings({ flags, environment: {} }), {
      ...{ store: new FolderStore(store), openProver: async () => trusting },
      ...{ trust: testTrust(), log: SILENT, now: () => new Date() },
    });
    return report.databases.daily?.to ?? undefined;
  };

const theirs =
  (isTold: boolean): Update =>
  async (folder, { url }, { address }) =>
    await updateWithCvdupdate(folder, url, address, { name: 'daily', field: isTold ? 2 : 0 });

/** The signed header, which decides even where DNS has told of a version. */
const HEADER = 522;

describeWithUpdateClients('beside cvdupdate, on the same upstream', () => {
  test.each([
    ['without DNS', false],
    ['told by DNS', true],
  ])('we ask no more often and for no more bytes, %s', async (_, isTold) => {
    await using we = await startSide(ours(isTold));
    await using they = await startSide(theirs(isTold));
    const measured: Record<string, { ours: Cost; theirs: Cost }> = {};
    for (const [what, newest] of Object.entries({
      'first sync': 10,
      'no news': 10,
      'one step': 11,
      'five steps': 16,
    }))
      measured[what] = { ours: await we.update(newest), theirs: await they.update(newest) };
    for (const [what, one] of Object.entries(measured)) {
      // DNS is not signed, so even a mirror that has nothing yet looks at the header first
      const look = isTold && what === 'first sync' ? 1 : 0;
      expect(one.ours.requests, what).toBeLessThanOrEqual(one.theirs.requests + look);
      expect(one.ours.bytes, what).toBeLessThanOrEqual(one.theirs.bytes + HEADER);
    }
    const { 'one step': step, 'five steps': steps } = measured;
    for (const one of [step, steps]) expect((one?.ours.bytes ?? 0) * 5).toBeLessThan(one?.theirs.bytes ?? 0);
  });
});
