import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { shell } from '../../../scripts/setup/shell.ts';
import { runCli } from '../../support/mirror/cli.ts';
import { describeWithOpenssl } from '../../support/sign/openssl.ts';

const CHECK = join(import.meta.dirname, '..', '..', '..', 'scripts', 'check.ts');

/** A company's CA, which signs for every host that its proxy lets through. */
describeWithOpenssl("a host whose certificate a company's own CA has signed", () => {
  const folder = mkdtempSync(join(tmpdir(), 'company-'));
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  let server: Server;
  let url = '';
  /** Handshakes that came to an end, and those that the client broke off. */
  const seen = { shaken: 0, broken: 0 };

  beforeAll(async () => {
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl(
      'req',
      '-x509',
      ...ec,
      '-days',
      '2',
      '-subj',
      '/CN=The company',
      '-keyout',
      at('ca.key'),
      '-out',
      at('ca.pem'),
    );
    openssl('req', ...ec, '-subj', '/CN=127.0.0.1', '-keyout', at('host.key'), '-out', at('host.csr'));
    writeFileSync(at('names'), 'subjectAltName=IP:127.0.0.1\n');
    const by = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('names')];
    openssl('x509', '-req', '-in', at('host.csr'), ...by, '-days', '2', '-out', at('host.pem'));
    mkdirSync(at('store'));
    writeFileSync(at('store/company.pem'), readFileSync(at('ca.pem')));
    openssl('rehash', at('store'));
    server = createServer(
      { key: readFileSync(at('host.key')), cert: readFileSync(at('host.pem')) },
      (_, response) => {
        response.writeHead(404).end();
      },
    );
    server.on('secureConnection', () => seen.shaken++).on('tlsClientError', () => seen.broken++);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close().closeAllConnections();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    Object.assign(seen, { shaken: 0, broken: 0 });
  });

  /** Where a CA is known: the system's store as a file and as a folder, and what is only Node's. */
  const stores: Record<string, () => Record<string, string>> = {
    'the store of the system': () => ({ SSL_CERT_DIR: at('store') }),
    'the file of the system': () => ({ SSL_CERT_FILE: at('ca.pem') }),
    NODE_EXTRA_CA_CERTS: () => ({ NODE_EXTRA_CA_CERTS: at('ca.pem') }),
    'the file of --ca-file': () => ({ CLAMAV_MIRROR_CA_FILE: at('ca.pem') }),
  };

  const sync = async (environment: Record<string, string>) => {
    const work = mkdtempSync(join(folder, 'run-'));
    const flags = [
      '--upstream',
      url,
      '--databases',
      'test',
      '--store',
      join(work, 'mirror'),
      '--work',
      join(work, 'work'),
    ];
    const { json } = await runCli(['sync', '--json', ...flags], { environment });
    return Object(json()).databases.test;
  };

  const look = async (environment: Record<string, string>) => {
    const about = {
      CLAMAV_MIRROR_PUBLIC_URL: url,
      GITHUB_EVENT_NAME: 'schedule',
      PATH: process.env.PATH ?? '',
    };
    const $ = shell({ environment: { ...about, ...environment } });
    const { stdout } = await $`${process.execPath} ${CHECK}`;
    return stdout;
  };

  test.each(Object.entries(stores))(
    'is believed by a cycle and by the quick look if that is in %s',
    async (_, environment) => {
      expect(await sync(environment())).toMatchObject({ code: 'upstream/no-database' });
      expect(await look(environment())).toContain('404');
      expect(seen).toMatchObject({ broken: 0 });
    },
  );

  test('is asked once where nobody knows that CA, and the advice says how to make it known', async () => {
    const nowhere = { SSL_CERT_FILE: at('nowhere.pem'), SSL_CERT_DIR: at('nowhere') };
    const { code, reason } = await sync(nowhere);
    expect(code).toBe('upstream/tls');
    for (const name of ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'update-ca-certificates'])
      expect(reason).toContain(name);
    expect(seen.shaken + seen.broken).toBe(1);
    expect(await look(nowhere)).not.toContain('404');
  });
});
