import { describe, expect, test } from 'vitest';
import { parseAddresses } from '../../../scripts/notify/channels/address.ts';
import { secretsIn } from '../../../scripts/settings/action.ts';
import { alertSettings } from '../../../scripts/settings/alerts.ts';
import { SECRET_ADDRESSES, secretPartsOf, WRONG_ADDRESSES } from '../../support/alerts/secret-addresses.ts';

const KEY = '0123456789abcdef0123456789ABCDEF';
const one = (text: string) => parseAddresses(text)[0];
const settingsOf = (alert: string, flags = {}) =>
  alertSettings({ flags, environment: { CLAMAV_MIRROR_ALERT: alert } });

describe('an address', () => {
  test.each([
    ['https://hooks.slack.com/services/T0/B0/xyz', 'slack'],
    ['https://hooks.slack-gov.com/services/T0/B0/xyz', 'slack'],
    ['https://discord.com/api/webhooks/1/abc', 'discord'],
    ['https://ptb.discordapp.com/api/webhooks/1/abc', 'discord'],
    [
      'https://prod-1.westeurope.logic.azure.com:443/workflows/1/triggers/manual/paths/invoke?sig=abc',
      'teams',
    ],
    [
      'https://default1.2.environment.api.powerplatform.com/powerautomate/automations/direct/x?sig=y',
      'teams',
    ],
    ['https://hooks.example/x', 'webhook'],
    ['https://hooks.slack.com.evil.example/x', 'webhook'],
    ['https://evil.example/hooks.slack.com', 'webhook'],
    ['http://10.0.0.1/x', 'webhook'],
    ['slack+https://mattermost.example/hooks/x', 'slack'],
    ['teams+https://relay.example/x', 'teams'],
    ['discord+http://relay.example/x', 'discord'],
    ['webhook+https://discord.com/x', 'webhook'],
    [`pagerduty://${KEY}`, 'pagerduty'],
    ['smtp://ops%40example.org:pw@mail.example/?to=a@example.org', 'mail'],
    ['smtps://mail.example/?from=a@example.org&to=a@example.org', 'mail'],
  ])('%s is of the kind %s', (address, kind) => {
    expect(one(address)?.kind).toBe(kind);
  });

  test.each([
    [`pagerduty://${KEY}`, 'https://events.pagerduty.com'],
    [`pagerduty://${KEY}@events.eu.pagerduty.com`, 'https://events.eu.pagerduty.com'],
    [`pagerduty+http://${KEY}@127.0.0.1:8080`, 'http://127.0.0.1:8080'],
  ])('%s leads to %s', (address, url) => {
    expect(one(address)).toMatchObject({ key: KEY, url });
  });

  test('of mail has a server, who writes, and to whom', () => {
    const address =
      'smtp://ops%40example.org:p%40ss@mail.example:2525/?to=a@example.org,b@example.org&to=c@example.org';
    expect(one(address)).toMatchObject({
      host: 'mail.example',
      port: 2525,
      tls: false,
      auth: { user: 'ops@example.org', pass: 'p@ss' },
      from: 'ops@example.org',
      to: ['a@example.org', 'b@example.org', 'c@example.org'],
    });
  });

  test('of mail needs TLS, but for a server of this machine without a password', () => {
    const tls = (address: string) => Object(one(address)).tls;
    expect(tls('smtp://mail.example/?from=a@b.example&to=a@b.example')).toBe(false); // STARTTLS
    expect(tls('smtps://mail.example/?from=a@b.example&to=a@b.example')).toBe(true);
    expect(tls('smtp://localhost/?from=a@b.example&to=a@b.example')).toBe('never');
    expect(tls('smtp://user:password@localhost/?from=a@b.example&to=a@b.example')).toBe(false);
    expect(tls('smtp://127.0.0.1.example/?from=a@b.example&to=a@b.example')).toBe(false);
  });

  test('says behind # what it wants, which the receiver never sees', () => {
    const address = one(
      'https://hooks.example/x?a=b#events=failures,publications&secret=sixteen-bytes-at-least',
    );
    expect(address).toMatchObject({ url: 'https://hooks.example/x?a=b' });
    expect([...(address?.wants ?? [])]).toEqual(['failures', 'publications']);
    expect([...(one('https://hooks.example/x')?.wants ?? [])]).toEqual(['failures']);
  });

  test('keeps a plus, of which there are many in base64 and some in mail addresses', () => {
    const secret = 'whsec_+++/AAAA////++++BBBBCCCC+/+/';
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    expect(one(`https://hooks.example/x#secret=${secret}`)).toMatchObject({ secret: key });
    const mail = one('smtp://m.example/?from=mirror+a@example.org&to=ops+b@example.org');
    expect(mail).toMatchObject({ from: 'mirror+a@example.org', to: ['ops+b@example.org'] });
  });

  test('that stands there twice is one receiver', () => {
    const twice = parseAddresses('https://a.example/x https://a.example/x#events=publications');
    expect(twice.map(({ wants }) => [...wants])).toEqual([['failures', 'publications']]);
  });

  test('may stand beside others: by a comma, a space or in a line of its own', () => {
    const list =
      'https://a.example/x, smtp://m.example/?from=a@b.example&to=a@b.example,c@d.example\nhttps://c.example/x';
    expect(parseAddresses(list).map(({ kind }) => kind)).toEqual(['webhook', 'mail', 'webhook']);
    expect(parseAddresses(' \n')).toEqual([]);
  });

  test('has a name in a memory that does not depend on its password, and that says nothing', () => {
    const [first, second] = ['old-password', 'new-password'].map(
      (password) => one(`smtp://ops:${password}@mail.example/?from=a@b.example&to=a@b.example`)?.id,
    );
    expect(first).toBe(second);
    expect(first).toMatch(/^[0-9a-f]{12}$/);
    expect(first).not.toBe(one('smtp://ops:x@mail.example/?from=a@b.example&to=c@b.example')?.id);
  });
});

describe('a wrong address', () => {
  test.each(WRONG_ADDRESSES)('%s is refused without a word of it', (address) => {
    let message = '';
    try {
      settingsOf(address);
    } catch (error) {
      expect(error).toMatchObject({ code: 'setting/invalid' });
      message = `${String(error)} ${Object(error).advice}`;
    }
    expect(message).toContain('--alert');
    for (const part of secretPartsOf(address)) expect(message).not.toContain(part);
  });
});

describe('the settings of alerts', () => {
  test('are none without an address', () => {
    expect(settingsOf('')).toBeUndefined();
  });

  test('do not depend on other settings, so that alerts can tell what is wrong with those', () => {
    expect(settingsOf('https://a.example/x', { cdiffs: 'many', store: 's3:nonsense' })).toBeDefined();
  });

  test('keep the memory in the work folder, and for a watch beside it', () => {
    const memory = (flags: object) => settingsOf('https://a.example/x', flags)?.memory;
    expect(memory({ store: '/srv/clamav' })).toBe('/srv/clamav.work/alerts.json');
    expect(memory({ store: 's3://b/p', work: '/w' })).toBe('/w/alerts.json');
    expect(memory({ url: 'https://m.example' })).toMatch(/\/mirror\.watch\.alerts\.json$/);
    expect(memory({ 'alert-state': '/var/lib/told.json' })).toBe('/var/lib/told.json');
  });

  test('name a mirror without its password', () => {
    expect(settingsOf('https://a.example/x', { url: 'https://me:pw@m.example/c/' })?.url).toBe(
      'https://m.example/c',
    );
  });
});

test.each(SECRET_ADDRESSES)('a runner is told to hide every part of %s', (address) => {
  const masked = secretsIn({
    flags: {},
    environment: { CLAMAV_MIRROR_ALERT: `${address}\nhttps://b.example/other` },
  });
  const hidden = masked
    .toSorted((a, b) => b.length - a.length)
    .reduce((text, secret) => text.replaceAll(secret, '***'), `before ${address} after`);
  for (const part of secretPartsOf(address)) expect(hidden).not.toContain(part);
});
