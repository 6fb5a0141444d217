import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { HEADER_SIZE, parseHeader } from '../../scripts/cvd/header.ts';
import type { CycleReport } from '../../scripts/cycle/report.ts';
import { LAG_MS } from '../../scripts/cycle/survey/lag.ts';
import { startHost } from '../../scripts/host/host.ts';
import { freshnessOf } from '../../scripts/mirror/freshness.ts';
import { encodeManifest, parseManifest } from '../../scripts/mirror/manifest.ts';
import type { Prove } from '../../scripts/proof/prove.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { changeManifest, startConsumer } from '../client/support.ts';
import { trusting } from '../support/clamav/engines.ts';
import {
  describeMirror,
  manifestOf,
  offer,
  published,
  startMirror,
  type TestMirror,
} from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';
import { describeWithDnsmasq, startNameserver } from '../support/web/dns.ts';
import { look } from '../watch/support.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const BOTH = { databases: 'test,bytecode' };
/** Three days ago, so that what is refused since then is old by now. */
const BEGIN = Date.now() - 3 * DAY;
const after = (passed: number) => new Date(BEGIN + passed);

async function checkedOf(mirror: TestMirror): Promise<Record<string, string>> {
  const manifest = await manifestOf(mirror);
  const each = freshnessOf(manifest).map(({ database, checked }) => [database, checked] as const);
  return { all: manifest.checked, ...Object.fromEntries(each) };
}

/** One cycle, so many milliseconds after the beginning. */
async function cycle(
  mirror: TestMirror,
  passed = 0,
  change: { flags?: Record<string, string>; prove?: Prove; store?: FolderStore } = {},
): Promise<CycleReport> {
  const { flags = BOTH, prove = trusting, store = new FolderStore(mirror.store) } = change;
  return await mirror.sync({ flags, store, openProver: async () => prove, now: () => after(passed) });
}

/** A mirror that has published version 5 of test, and bytecode. */
async function startBoth(): Promise<TestMirror> {
  const mirror = await startMirror(5);
  mirror.upstream.set('bytecode.cvd', official('bytecode.cvd'));
  expect((await cycle(mirror)).outcome).toBe('published');
  return mirror;
}

/** Refuses whatever has a new version of test in it. */
const refusing: Prove = async (candidate) => {
  const proof = await trusting(candidate);
  return { ...proof, passed: candidate.staged.get('test')?.version !== 6 };
};

describeMirror('of two databases, one', () => {
  const wrongs: Readonly<Record<string, (mirror: TestMirror) => void>> = {
    'that the proof refuses': (mirror) => offer(mirror, 6),
    'that is none': (mirror) => mirror.upstream.set('test.cvd', Buffer.from('<html>Just a moment...</html>')),
    'that upstream lost': (mirror) => mirror.upstream.remove('test.cvd'),
    'that upstream cannot give': (mirror) => mirror.upstream.fail('test.cvd', { status: 404 }),
  };

  test.each(Object.entries(wrongs))(
    '%s for three days gets old, and the other does not',
    async (_, spoil) => {
      await using mirror = await startBoth();
      spoil(mirror);
      for (let hours = 12; hours <= 72; hours += 12) {
        const report = await cycle(mirror, hours * HOUR, { prove: refusing });
        expect(report.databases.bytecode).toMatchObject({ outcome: 'unchanged' });
        expect(report.databases.test?.outcome).toMatch(/^(refused|failed)$/);
      }
      const now = after(3 * DAY);
      const [begin, end] = [after(0).toISOString(), now.toISOString()];
      expect(await checkedOf(mirror)).toEqual({ all: end, test: begin, bytecode: end });
      expect(await readFile(join(mirror.store, 'timestamp'), 'utf8')).toContain(end);

      await using host = await startHost({ folder: mirror.store });
      const watched = await look(host.url, mirror.upstream.url, { engines: [], now: () => now });
      const old = watched.findings.filter(
        ({ check, verdict }) => check === 'last check' && verdict !== 'good',
      );
      expect(old).toMatchObject([{ subject: 'test', verdict: 'fault' }]);
      expect(await takenBy(host.url, now, 'bytecode')).toBeUndefined();
      expect(await takenBy(host.url, now, 'test')).toMatchObject({ code: 'client/stale' });
      const all = await takenBy(host.url, now);
      expect(all).toMatchObject({ code: 'client/stale', message: expect.stringContaining('test 3 days') });
      expect(String(all)).not.toMatch(/bytecode/);
    },
  );

  async function takenBy(url: string, now: Date, databases?: string): Promise<unknown> {
    await using consumer = await startConsumer();
    const flags = databases === undefined ? {} : { databases };
    return await consumer.update(url, { flags, now: () => now }).then(
      () => undefined,
      (error) => error,
    );
  }

  test('that is damaged, and cannot be healed, keeps no other one from being checked', async () => {
    await using mirror = await startBoth();
    mirror.upstream.remove('test.cvd');
    const store = new BrokenStore(mirror.store, 'test.cvd');
    const report = await cycle(mirror, 2 * DAY, { store });
    expect(report.databases).toMatchObject({
      test: { outcome: 'failed' },
      bytecode: { outcome: 'unchanged' },
    });
    const [begin, end] = [after(0).toISOString(), after(2 * DAY).toISOString()];
    expect(await checkedOf(mirror)).toEqual({ all: begin, test: begin, bytecode: end });
  });

  test('of which only CDIFFs are missing is not published by what the other brings into the stage', async () => {
    await using mirror = await startBoth();
    await changeManifest(mirror.store, ({ databases: { bytecode, ...rest } }) => ({
      databases: {
        ...rest,
        ...(bytecode && { bytecode: { ...bytecode, missingCdiffs: [bytecode.version] } }),
      },
    }));
    offer(mirror, 6);
    const isStaged = () => globSync('**/stage/test.cvd', { cwd: mirror.work }).length > 0;
    const staged = vi.waitUntil(isStaged, { timeout: 60_000 });
    mirror.upstream.fail('bytecode-19.cdiff', { status: 404, after: staged });
    expect((await cycle(mirror, HOUR)).databases).toMatchObject({
      test: { outcome: 'published', how: 'rebuilt' },
      bytecode: { outcome: 'unchanged' },
    });
  });

  test('that was never there by this name is a wrong name, said once, and the other goes on', async () => {
    await using mirror = await startBoth();
    const flags = { databases: 'bytecode,tset,bytcode' };
    const said: string[] = [];
    const log = {
      ...SILENT,
      info: (line: string) => said.push(line),
      warn: (line: string) => said.push(line),
    };
    const run = await mirror.sync({ flags, openProver: async () => trusting, now: () => after(HOUR), log });
    expect(run).toMatchObject({
      outcome: 'failed',
      databases: {
        bytecode: { outcome: 'unchanged' },
        tset: {
          outcome: 'failed',
          code: 'upstream/no-database',
          reason: expect.stringMatching(/mean test\?/),
        },
        bytcode: { code: 'upstream/no-database', reason: expect.stringMatching(/mean bytecode\?/) },
      },
    });
    expect(said.filter((line) => /tset/.test(line))).toEqual([]); // the report says it
    expect(await checkedOf(mirror)).toMatchObject({ bytecode: after(HOUR).toISOString() });
    const typed = await mirror.syncCli(['--databases', 'test,dayly']);
    expect(typed.exitCode).toBe(1);
    expect(JSON.stringify(typed.json())).toContain('did you mean daily?');
  });

  test('that is mirrored no more stays, says since when, and is no reason to leave the other', async () => {
    await using mirror = await startBoth();
    const before = await published(mirror.store);
    for (const days of [1, 3]) await cycle(mirror, days * DAY, { flags: { databases: 'test' } });
    const { databases, checked } = await manifestOf(mirror);
    expect(databases.bytecode).toMatchObject({
      checked: after(0).toISOString(),
      left: after(DAY).toISOString(),
    });
    expect(checked).toBe(after(3 * DAY).toISOString());
    expect(await published(mirror.store)).toEqual(before);
    await using host = await startHost({ folder: mirror.store });
    expect(await takenBy(host.url, after(3 * DAY))).toBeUndefined();
    await cycle(mirror, 3 * DAY + HOUR);
    expect((await manifestOf(mirror)).databases.bytecode).not.toHaveProperty('left');
  });
});

/** A store of which one file is always broken. */
class BrokenStore extends FolderStore {
  constructor(where: string, broken: string) {
    super(where);
    const { hash } = this.sight;
    Object.assign(this.sight, {
      hash: async (name: string, size: number) => (name === broken ? undefined : await hash(name, size)),
    });
  }
}

describeMirror('a mirror of an earlier version, which told one time for all', () => {
  test('goes on, and tells each from its next cycle on', async () => {
    await using mirror = await startBoth();
    await changeManifest(mirror.store, ({ databases }) => ({
      databases: Object.fromEntries(
        Object.entries(databases).map(([name, { checked: _, hashed: __, ...record }]) => [name, record]),
      ),
    }));
    mirror.upstream.remove('bytecode.cvd');
    await cycle(mirror, DAY);
    const [begin, end] = [after(0).toISOString(), after(DAY).toISOString()];
    expect(await checkedOf(mirror)).toEqual({ all: end, test: end, bytecode: begin });
  });

  test('is read: nothing in it is wanted that it did not have', async () => {
    await using mirror = await startBoth();
    const { checked, databases, ...rest } = await manifestOf(mirror);
    const known = Object.entries(databases).map(
      ([name, { checked: _, hashed: __, left: ___, ...record }]) => [name, record],
    );
    const before = { checked, databases: Object.fromEntries(known), ...rest };
    expect(parseManifest(encodeManifest(before), 'here')).toMatchObject({ checked });
  });
});

describeMirror('what is served', () => {
  test('is read once a day, and the manifest says when that was', async () => {
    await using mirror = await startBoth();
    const hashedAt = async (passed: number) => {
      await cycle(mirror, passed);
      return (await manifestOf(mirror)).databases.test?.hashed;
    };
    expect((await manifestOf(mirror)).databases.test?.hashed).toBe(after(0).toISOString());
    expect(await hashedAt(HOUR)).toBe(after(HOUR).toISOString());
    expect(await hashedAt(20 * HOUR)).toBe(after(HOUR).toISOString());
    expect(await hashedAt(26 * HOUR)).toBe(after(26 * HOUR).toISOString());
  });

  test('and was only seen from afar is not called read', async () => {
    await using mirror = await startBoth();
    const store = new FolderStore(mirror.store);
    const reads: string[] = [];
    const { hash } = store.sight;
    Object.assign(store.sight, {
      isFar: true,
      trustedFor: 7 * DAY,
      hash: async (name: string, size: number) => {
        reads.push(name);
        return await hash(name, size);
      },
    });
    const names = new Set(Object.keys((await manifestOf(mirror)).files));
    const hashed = new Set<string | undefined>();
    for (let hours = 1; hours < 9 * 24; hours += 12) {
      await cycle(mirror, hours * HOUR, { store });
      hashed.add((await manifestOf(mirror)).databases.test?.hashed);
      const isWhole = [...names]
        .filter((name) => name.startsWith('test'))
        .every((name) => reads.includes(name));
      if (!isWhole) expect(hashed).toEqual(new Set([after(0).toISOString()]));
    }
    expect(hashed.size).toBeGreaterThan(1);
  });
});

describeWithDnsmasq('a nameserver', () => {
  describeMirror('that is ahead of the header of upstream', () => {
    test('for some hours says so; after that it is no success, and the database gets old alone', async () => {
      await using mirror = await startBoth();
      const bytes = await readFile(official('bytecode.cvd'));
      const { version } = parseHeader(bytes.subarray(0, HEADER_SIZE));
      const told = async (passed: number, named: number) => {
        const epoch = Math.floor(after(passed).getTime() / 1000);
        const text = `0.103.12:62:27000:${epoch}:1:90:49192:${named}`;
        await using dns = await startNameserver({ 'current.example': [text] });
        return await cycle(mirror, passed, {
          flags: { ...BOTH, dns: 'current.example', nameservers: dns.address },
        });
      };
      const begin = after(0).toISOString();
      const first = await told(HOUR, version + 1);
      expect(first.databases.bytecode).toMatchObject({ outcome: 'unchanged' });
      expect(first.databases.bytecode?.notes.join()).toContain(`${version + 1}`);
      expect(await checkedOf(mirror)).toMatchObject({ test: after(HOUR).toISOString(), bytecode: begin });
      expect((await manifestOf(mirror)).databases.bytecode?.seen).toEqual({
        ...{ at: begin, version },
        ahead: { version: version + 1, since: after(HOUR).toISOString() },
      });
      expect(await told(LAG_MS + HOUR - 1, version + 2)).toMatchObject({ outcome: 'unchanged' });
      const late = LAG_MS + 2 * HOUR;
      const report = await told(late, version + 2);
      expect(report).toMatchObject({
        outcome: 'failed',
        databases: {
          test: { outcome: 'unchanged' },
          bytecode: { outcome: 'failed', code: 'upstream/stale', notes: [] },
        },
      });
      const end = after(late).toISOString();
      expect(await checkedOf(mirror)).toEqual({ all: end, test: end, bytecode: begin });
      expect(await told(late + HOUR, version)).toMatchObject({ outcome: 'unchanged' });
      const { seen, checked } = (await manifestOf(mirror)).databases.bytecode ?? {};
      expect([seen, checked]).toEqual([
        { at: after(late + HOUR).toISOString(), version },
        after(late + HOUR).toISOString(),
      ]);
    });
  });
});

describeMirror('a header of upstream that is older than what is published', () => {
  test('is an old one that something keeps: after some hours that is no success', async () => {
    await using mirror = await startBoth();
    offer(mirror, 4);
    expect((await cycle(mirror, HOUR)).outcome).toBe('unchanged');
    const report = await cycle(mirror, HOUR + LAG_MS);
    expect(report.databases.test).toMatchObject({ outcome: 'failed', code: 'upstream/stale', to: 5 });
    expect(await checkedOf(mirror)).toMatchObject({ test: after(0).toISOString() });
    offer(mirror, 6);
    expect((await cycle(mirror, HOUR + LAG_MS + 1)).databases.test).toMatchObject({ to: 6 });
    expect((await manifestOf(mirror)).databases.test?.seen).not.toHaveProperty('ahead');
  });
});

describe('DNS', () => {
  describeMirror('for a database that its record does not have', () => {
    test('is not asked at all', async () => {
      await using mirror = await startMirror(6);
      const warned: string[] = [];
      const log = { ...SILENT, warn: (line: string) => warned.push(line) };
      const flags = { dns: 'current.example', nameservers: '127.0.0.1:9' };
      await mirror.sync({ flags, openProver: async () => trusting, log });
      expect(warned.filter((line) => /nameserver/.test(line))).toEqual([]);
    });
  });
});
