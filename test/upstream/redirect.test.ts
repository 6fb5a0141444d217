import { describe, expect, onTestFinished, test } from 'vitest';
import { Agents } from '../../scripts/http/agents.ts';
import { isInside, lookupOutside } from '../../scripts/http/internal-addresses.ts';
import type { Proxies } from '../../scripts/http/proxies.ts';
import { ProbeClient } from '../../scripts/probe/http-client.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { openClient, QUICK, USER_AGENT } from './support.ts';

const NO_PROXIES: Proxies = { httpProxy: '', httpsProxy: '', noProxy: '' };

function agentsOf(url: string, proxies: Partial<Proxies> = {}): Agents {
  const agents = new Agents(url, { ...NO_PROXIES, ...proxies }, { timeout: 1000 });
  onTestFinished(async () => await agents[Symbol.asyncDispose]());
  return agents;
}

test.each([
  ...['127.0.0.1', '127.8.8.8', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254'],
  ...[
    '100.64.0.1',
    '100.100.100.200',
    '0.0.0.0',
    '168.63.129.16',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
  ],
  ...['::', '::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fe80::1%eth0', 'ff02::1', '::ffff:127.0.0.1'],
  ...['::ffff:a00:1', '::127.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::1', '2002:7f00:1::1', 'nonsense', ''],
])('%s is inside', (address) => {
  expect(isInside(address)).toBe(true);
});

test.each([
  ...['104.16.218.84', '1.1.1.1', '172.32.0.1', '100.128.0.1', '192.167.1.1', '2606:4700::6810:da54'],
  ...['::ffff:104.16.218.84', '64:ff9b::6810:da54', '2002:6810:da54::1'],
])('%s is outside', (address) => {
  expect(isInside(address)).toBe(false);
});

describe('a host outside may not redirect', () => {
  test.each([
    ['to this machine', 'http://127.0.0.1:9/'],
    ['to this machine, otherwise written', 'http://2130706433/'],
    ['to this machine, by IPv6', 'http://[::ffff:127.0.0.1]/'],
    ['to the metadata of a cloud', 'http://169.254.169.254/latest/meta-data/'],
    ['to a private network', 'http://10.0.0.1/'],
    ['to a file', 'file:///etc/passwd'],
    ['to no URL', 'http://['],
  ])('%s', (_, location) => {
    expect(agentsOf('http://upstream.example').follow('http://upstream.example/daily.cvd', location)).toEqual(
      expect.any(String),
    );
  });

  test('from https to http', () => {
    const follow = agentsOf('https://upstream.example').follow(
      'https://upstream.example/daily.cvd',
      'http://upstream.example/daily.cvd',
    );
    expect(follow).toEqual(expect.stringContaining('plain http'));
  });

  test('to a name that leads inside, whatever it led to before', async () => {
    const looked = new Promise((resolve) =>
      lookupOutside('localhost', { all: true }, (error) => resolve(error)),
    );
    expect(await looked).toMatchObject({ code: 'ERR_INSIDE' });
    const { first } = agentsOf('http://upstream.example');
    const found = agentsOf('http://upstream.example').follow('http://upstream.example/', 'http://localhost/');
    expect(typeof found !== 'string' && found.dispatcher !== first).toBe(true);
  });

  test('but to another host outside', () => {
    const url = 'https://cdn.example/daily.cvd';
    expect(
      agentsOf('http://upstream.example').follow('http://upstream.example/daily.cvd', url),
    ).toMatchObject({
      url,
    });
  });

  test('unless that is allowed', () => {
    const agents = agentsOf('http://upstream.example', { privateRedirects: true });
    const url = 'http://10.0.0.1/daily.cvd';
    expect(agents.follow('http://upstream.example/daily.cvd', url)).toMatchObject({ url });
  });
});

/** What is asked of somebody inside by a client that takes 127.0.0.1 for an address outside. */
async function askedInside(
  location: (port: string) => string,
  ask: (url: string, outside: Agents) => Promise<void>,
) {
  await using victim = await startUpstream(new Map([['daily.cvd', Buffer.alloc(600)]]));
  await using front = await startUpstream();
  front.fail('*', { redirect: location(new URL(victim.url).port) });
  await ask(front.url, agentsOf('http://upstream.example'));
  return victim.asked;
}

describe('a host inside', () => {
  test('may redirect inside', async () => {
    const asked = await askedInside(
      (port) => `http://127.0.0.1:${port}/daily.cvd`,
      async (url) => {
        await using open = openClient(url);
        expect(await open.client.probe('daily.cvd')).toHaveLength(522);
        await using probe = new ProbeClient({ url, userAgent: USER_AGENT, proxies: NO_PROXIES });
        expect((await probe.ask('daily.cvd')).status).toBe(200);
      },
    );
    expect(asked).toHaveLength(2);
  });
});

test('a name that leads inside is refused where the connection is made, and not asked again', async () => {
  const { UpstreamClient } = await import('../../scripts/upstream/http-client.ts');
  const { CoolDownGuard } = await import('../../scripts/upstream/cool-down.ts');
  const { memory } = await import('./support.ts');
  const asked = await askedInside(
    (port) => `http://localhost:${port}/daily.cvd`,
    async (url, agents) => {
      const coolDown = new CoolDownGuard(memory(), () => new Date());
      const client = new UpstreamClient({ url, userAgent: USER_AGENT, agents, coolDown, patience: QUICK });
      await expect(client.probe('daily.cvd')).rejects.toMatchObject({ code: 'upstream/redirect' });
    },
  );
  expect(asked).toEqual([]);
});
