import { Resolver } from 'node:dns/promises';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { lookUpProxied } from '../../../scripts/upstream/look-up.ts';
import {
  describeWithDnsmasq,
  type Nameserver,
  startDeadNameserver,
  startNameserver,
} from '../../support/web/dns.ts';
import { NO_PROXIES } from '../support.ts';

const NAME = 'current.cvd.test';
const NOW = new Date('2026-06-17T16:00:00Z');
const HOUR = 3600;
const TIMEOUT = 100;

/** A record of a daily of this version, made so many seconds ago. */
const record = (daily: number, age: number) =>
  `1.0.9:63:${daily}:${NOW.getTime() / 1000 - age}:1:90:49192:339`;

describeWithDnsmasq('asking nameservers', () => {
  const servers = new Map<string, Nameserver>();
  beforeAll(async () => {
    const [fresh, halves] = [record(28034, HOUR), record(28036, 0)];
    const records: Record<string, Record<string, string[]>> = {
      fresh: { [NAME]: [fresh], 'current.split.test': [halves.slice(0, 10), halves.slice(10)] },
      fresher: { [NAME]: [record(28035, HOUR / 2)] },
      'a week behind': { [NAME]: [record(28000, 7 * 24 * HOUR)] },
      'full of other texts': { [NAME]: ['v=spf1 -all'] },
      'from the future': { [NAME]: [record(29000, -2 * HOUR)] },
    };
    await Promise.all(
      Object.entries(records).map(async ([name, texts]) => servers.set(name, await startNameserver(texts))),
    );
    servers.set('dead', await startDeadNameserver());
  });
  afterAll(async () => {
    for (const server of servers.values()) await server[Symbol.asyncDispose]();
  });

  const questionTo = (names: readonly string[]) => ({
    record: NAME,
    nameservers: names.map((one) => servers.get(one)?.address ?? ''),
    proxies: NO_PROXIES,
  });

  /** The version of daily, or the error's code. */
  const daily = async (names: readonly string[], name = NAME) =>
    await lookUpProxied({ ...questionTo(names), record: name }, NOW, TIMEOUT).then(
      ({ versions }) => versions.get('daily'),
      (error) => error.code,
    );

  test('one answers', async () => {
    expect(await daily(['fresh'])).toBe(28034);
  });

  test('a record in several strings is put together', async () => {
    expect(await daily(['fresh'], 'current.split.test')).toBe(28036);
  });

  test.each([[['fresh', 'fresher']], [['fresher', 'fresh']]])(
    'of %s the newest record counts',
    async (names) => {
      expect(await daily(names)).toBe(28035);
    },
  );

  test('cl#664: one that is a week behind is not believed beside others, nor alone', async () => {
    expect(await daily(['a week behind', 'fresh'])).toBe(28034);
    expect(await daily(['a week behind'])).toBe('upstream/record');
  });

  test('one from the future is not believed beside others, nor alone', async () => {
    expect(await daily(['from the future', 'fresh'])).toBe(28034);
    expect(await daily(['from the future'])).toBe('upstream/record');
  });

  test('one that is dead does not matter if another answers', async () => {
    expect(await daily(['dead', 'fresh'])).toBe(28034);
  });

  test('one that is dead costs three seconds and no more, whatever the resolver does', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
      vi.restoreAllMocks();
    });
    const cancel = vi.spyOn(Resolver.prototype, 'cancel');
    const asked = lookUpProxied(questionTo(['dead']), NOW).catch((error) => error.code);
    vi.advanceTimersByTime(2999);
    expect(cancel).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(cancel).toHaveBeenCalledOnce();
    expect(await asked).toBe('upstream/dns');
  });

  test('none that answers is an error', async () => {
    expect(await daily(['dead'])).toBe('upstream/dns');
  });

  test('a name without a record is an error', async () => {
    expect(await daily(['fresh', 'fresher'], 'no-such-name.test')).toBe('upstream/dns');
  });

  test('a name with texts of another kind is an error', async () => {
    expect(await daily(['full of other texts', 'dead'])).toBe('upstream/record');
  });
});
