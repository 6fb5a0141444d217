import { describe, expect, test } from 'vitest';
import { basicAuthorization } from '../../scripts/http/credentials.ts';
import { actionSettings } from '../../scripts/settings/action.ts';
import { alertSettings } from '../../scripts/settings/alerts.ts';
import { clientSettings } from '../../scripts/settings/commands/client.ts';
import { clientConfigSettings } from '../../scripts/settings/commands/client-config.ts';
import { probeSettings } from '../../scripts/settings/commands/probe.ts';
import { watchSettings } from '../../scripts/settings/commands/watch.ts';
import { networkFrom } from '../../scripts/settings/network.ts';
import type { Given } from '../../scripts/settings/read.ts';

const MIRROR = 'https://mirror.example';
const flags = (given: Given['flags']): Given => ({ flags: given, environment: {} });

/** Settings that take a URL with a user and password. */
const TAKEN: Readonly<Record<string, (url: string) => unknown>> = {
  'the mirror of probe': (url) => probeSettings(url, flags({})),
  'the mirror of watch': (url) => watchSettings(url, flags({})),
  'the mirror of client': (url) => clientSettings(url, flags({})),
  'a mirror of client-config': (url) => clientConfigSettings([MIRROR, url], flags({ for: 'debian' })),
  'client-proxy': (url) => clientConfigSettings([MIRROR], flags({ for: 'debian', 'client-proxy': url })),
  proxy: (url) => networkFrom(flags({ proxy: url })),
  alert: (url) => alertSettings(flags({ alert: url })),
  'healthcheck-url': (url) => actionSettings(flags({ 'healthcheck-url': url })),
};

describe.each(Object.entries(TAKEN))('%s', (_, read) => {
  test('takes a password that is percent-encoded', () => {
    expect(() => read('https://me:100%25hunter2@host.example')).not.toThrow();
  });

  test('refuses one that is not, without telling it', () => {
    expect(() => read('https://me:100%hunter2@host.example')).toThrow(
      expect.objectContaining({
        code: 'setting/invalid',
        message: expect.not.stringContaining('hunter2'),
      }),
    );
  });
});

test('a user and password are sent as they are meant', () => {
  const sent = (url: string) => basicAuthorization(new URL(url));
  expect(sent('https://me:p%40ss%3A@host.example')).toBe(
    `Basic ${Buffer.from('me:p@ss:').toString('base64')}`,
  );
  expect(sent('https://me@host.example')).toBe(`Basic ${Buffer.from('me:').toString('base64')}`);
  expect(sent(MIRROR)).toBeUndefined();
});
