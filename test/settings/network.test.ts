import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { secretsIn } from '../../scripts/settings/action.ts';
import { statusSettings } from '../../scripts/settings/commands/status.ts';
import { networkFrom } from '../../scripts/settings/network.ts';
import type { Given } from '../../scripts/settings/read.ts';
import { temporaryFolder } from '../store/support.ts';

const PROXY = 'http://me:secret@proxy.example:3128';
const network = (flags: Given['flags'], environment: Given['environment'] = {}) =>
  networkFrom({ flags, environment });

describe('a proxy', () => {
  test('of the flag counts before our variable, and that before the usual ones, with what NO_PROXY excepts', () => {
    const environment = { HTTPS_PROXY: 'http://third.example', NO_PROXY: 'a.example' };
    const ours = { ...environment, CLAMAV_MIRROR_PROXY: 'http://second.example' };
    const both = (proxy: string, by: string) => ({
      httpProxy: proxy,
      httpsProxy: proxy,
      namedBy: { http: by, https: by },
      noProxy: 'a.example',
    });
    expect(network({ proxy: PROXY }, ours)).toEqual(both(PROXY, '--proxy'));
    expect(network({}, ours)).toEqual(both('http://second.example', 'CLAMAV_MIRROR_PROXY'));
    expect(networkFrom({ flags: {}, environment: ours, kind: 'input' })).toEqual(
      both('http://second.example', 'the input proxy'),
    );
    expect(network({}, environment)).toMatchObject({ httpProxy: '', httpsProxy: 'http://third.example' });
  });

  test.each(['proxy.example:3128', 'me:secret@proxy.example', 'http://me:p%40s%2Fs@proxy.example/', PROXY])(
    'may be written as %s',
    (proxy) => expect(new URL(network({ proxy }).httpProxy).hostname).toBe('proxy.example'),
  );

  test.each([
    'socks5://me:secret@proxy.example',
    'me:se/secret@proxy.example:3128',
    'http://me:12/secret@proxy.example',
    'http://me:12?secret@proxy.example',
    'http://me:%secret@proxy.example',
    'secret proxy',
  ])('that is none is refused without telling a password: %s', (proxy) => {
    for (const given of [
      () => network({ proxy }),
      () => network({}, { CLAMAV_MIRROR_PROXY: proxy }),
      () => network({}, { HTTPS_PROXY: proxy }),
    ]) {
      const told = JSON.stringify(errorOf(given));
      expect(told).toContain('setting/invalid');
      expect(told).not.toContain('secret');
    }
  });

  test('is hidden from the log of a run, with or without http://', () => {
    for (const CLAMAV_MIRROR_PROXY of [PROXY, PROXY.replace('http://', '')])
      expect(secretsIn({ flags: {}, environment: { CLAMAV_MIRROR_PROXY } })).toContain('secret');
  });

  test('is in no command that status shows', () => {
    const { flags } = statusSettings({
      flags: { store: 's3://bucket/prefix', proxy: PROXY },
      environment: {},
    });
    expect(JSON.stringify(flags)).not.toContain('secret');
  });
});

describe('a file of certificates', () => {
  const file = (text: string | Buffer, mode = 0o644) => {
    const path = join(temporaryFolder(), 'ca.pem');
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const bad: [string, () => string, RegExp][] = [
    ['that is missing', () => '/nowhere/ca.pem', /no such file/],
    ['that is a folder', () => temporaryFolder(), /not a file/],
    ['that is empty', () => file(' \n'), /is empty/],
    ['that holds no PEM', () => file('company CA'), /no certificate in PEM/],
    [
      'whose certificate is none',
      () => file('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
      /number 1 in it/,
    ],
    ['that everybody may write', () => file(CERTIFICATE, 0o666), /every account.*chmod o-w/],
  ];

  test.each(bad)('%s is refused by --ca-file, by name', (_, path, why) => {
    const given = path();
    const error = errorOf(() => network({ 'ca-file': given }));
    expect(error).toMatchObject({ code: 'setting/invalid', message: expect.stringMatching(why) });
    expect(error).toMatchObject({ message: expect.stringContaining(given) });
  });

  test.each(bad)(
    '%s and that a variable of other programs names is told, and stops nothing',
    (_, path, why) => {
      for (const variable of ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'CURL_CA_BUNDLE']) {
        const { authorities } = network({}, { [variable]: path() });
        expect(authorities).toEqual({ pems: [], unusable: [expect.stringMatching(why)] });
        expect(authorities?.unusable[0]).toContain(variable);
      }
    },
  );

  test('counts from the flag and from each variable, each certificate once', () => {
    const pems = [CERTIFICATE.trim()];
    const path = file(`Company\n${CERTIFICATE}`);
    expect(network({ 'ca-file': path }, { CURL_CA_BUNDLE: path }).authorities).toEqual({
      pems,
      unusable: [],
    });
    expect(network({}, { CLAMAV_MIRROR_CA_FILE: path }).authorities).toEqual({ pems, unusable: [] });
  });
});

function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return { ...Object(error), message: Object(error).message, stack: undefined };
  }
  throw new Error('it went well');
}

/** A root of its own, valid for a hundred years; nobody has its key any more. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBkTCCATegAwIBAgIUVDf+6vDGP4P5AdGUjbh5hmqTKbkwCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSQSBjb21wYW55IG9mIHRlc3RzMCAXDTI2MTEyODEzNDQ1OFoY
DzIxMjYxMTA0MTM0NDU4WjAdMRswGQYDVQQDDBJBIGNvbXBhbnkgb2YgdGVzdHMw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQvH+L6DuDBgqF27WQqM+fzvyLWXhpX
fIZGcf9n8nRz5ZFeVKBkAVvrxSrdBdlRCUVmlMHqkBnQCcVGnWuT5n5lo1MwUTAd
BgNVHQ4EFgQUkhutFfNcj2z1X8foi1QsQ3SMsyQwHwYDVR0jBBgwFoAUkhutFfNc
j2z1X8foi1QsQ3SMsyQwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBF
AiBDfvjK6sdA5ElxibKqyV4NKHsOz1S2QyOkYUL+ONtzxgIhANLnV36P5UVGS9g5
T4CBkDFLYK1gDYhtsqYvdvb72I5T
-----END CERTIFICATE-----
`;
