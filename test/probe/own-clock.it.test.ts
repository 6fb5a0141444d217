import { chmod, copyFile, mkdtemp, rename, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HEADER_SIZE, parseHeader } from '../../scripts/cvd/header.ts';
import { readStart } from '../../scripts/files/open.ts';
import { startHost } from '../../scripts/host/host.ts';
import {
  describeWithUpdateClients,
  freshclam,
  ownClockClients,
  privateFreshclam,
  type UpdateClient,
} from '../support/clamav/update-clients.ts';
import { describeWithClamav, describeWithOfficial, official } from '../support/setup/official.ts';
import { type Nameserver, startNameserver } from '../support/web/dns.ts';
import { startFaultProxy } from '../support/web/fault-proxy.ts';
import { startWebServer, WEB_SERVERS, type WebServerName } from '../support/web/web-servers.ts';
import { describeWithWebServers, faults, finding, probe } from './support.ts';

const HOSTS = ['serve', ...WEB_SERVERS] as const;
/** Bytes of a check that finds nothing new, and what freshclam says to a 304. */
const AT_MOST = 512;

let folder: string;
let dns: Nameserver;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'own-clock-'));
  await chmod(folder, 0o755);
});
afterEach(async () => await rm(folder, { recursive: true }));

/** Puts a version there as a store does: by a rename, with the time that Talos built it. */
async function publish(version: number): Promise<void> {
  await copyFile(official(`test-${version}.cdiff`), join(folder, `test-${version}.cdiff`));
  const temporary = join(folder, '.next');
  await copyFile(official(`test-${version}.cvd`), temporary);
  await chmod(temporary, 0o644);
  const { stime } = parseHeader(await readStart(temporary, HEADER_SIZE));
  await utimes(temporary, stime, stime);
  await rename(temporary, join(folder, 'test.cvd'));
}

async function start(host: 'serve' | WebServerName, change?: (config: string) => string) {
  return host === 'serve' ? await startHost({ folder }) : await startWebServer(host, folder, change);
}

/** The version that each client has after it had version 5 and looked again when there was version 6. */
async function arrivals(url: string, clients: readonly UpdateClient[]): Promise<Record<string, unknown>> {
  await using own = await temporary();
  const at = (client: UpdateClient) => join(own.path, client.name.replaceAll(/\W+/g, '-'));
  await publish(5);
  for (const client of clients) expect(await client.update(at(client), url), client.name).toBe(5);
  await publish(6);
  const arrived: Record<string, unknown> = {};
  for (const client of clients) arrived[client.name] = await client.update(at(client), url);
  return arrived;
}

async function temporary() {
  const path = await mkdtemp(join(tmpdir(), 'clients-'));
  await chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

describeWithOfficial('a version that was built before a client downloaded the one before it', () => {
  describeWithClamav('with freshclam', () => {
    describeWithUpdateClients('cvdupdate', () => {
      describeWithWebServers('and web servers', () => {
        beforeEach(async () => {
          dns = await startNameserver({ 'current.cvd.clamav.net': ['0:0:0:0:0:0:0:0'] });
        });
        afterEach(async () => await dns[Symbol.asyncDispose]());

        test.for(HOSTS)('comes to every client of %s', async (name) => {
          await using host = await start(name);
          const clients = [freshclam, privateFreshclam, ...ownClockClients(dns.address)];
          expect(await arrivals(host.url, clients)).toEqual(
            Object.fromEntries(clients.map((client) => [client.name, 6])),
          );
          expect(finding(await probe(host.url, { databases: ['test'] }), 'own clock')?.verdict).toBe('good');
        });

        describe('does not come to', () => {
          const named = async (url: string) => {
            const report = await probe(url, { databases: ['test'] });
            expect(faults(report)).toEqual(['own clock']);
            return finding(report, 'own clock')?.what;
          };

          test('any of them that sends a date to a host that compares dates, and probe names them', async () => {
            const usual = (config: string) =>
              config.replace(/^.*request_header.*$|^.*header @since.*$/gm, '');
            await using host = await start('caddy', usual);
            const clients = ownClockClients(dns.address);
            expect(await arrivals(host.url, clients)).toEqual({
              'freshclam, DatabaseCustomURL': 5,
              'curl -z': 5,
              cvdupdate: 5,
            });
            const what = await named(host.url);
            for (const name of ['DatabaseCustomURL', 'curl -z', 'cvdupdate']) expect(what).toContain(name);
          });

          test('those made with libcurl from an nginx that sends an old date, and probe names them', async () => {
            const usual = (config: string) => config.replace(/^.*add_header Last-Modified.*$/m, '');
            await using host = await start('nginx', usual);
            expect(await arrivals(host.url, ownClockClients(dns.address))).toEqual({
              'freshclam, DatabaseCustomURL': 5,
              'curl -z': 5,
              cvdupdate: 6,
            });
            const what = await named(host.url);
            expect(what).toContain('DatabaseCustomURL');
            expect(what).not.toContain('cvdupdate');
          });
        });
      });
    });

    describeWithWebServers('of real web servers', () => {
      test.for(HOSTS)(
        'a check of freshclam at %s that finds nothing new costs 512 bytes at most',
        async (name) => {
          await using host = await start(name);
          await using counted = await startFaultProxy(host.url);
          await using own = await temporary();
          await publish(6);
          expect(await freshclam.update(own.path, counted.url)).toBe(6);
          counted.forget();
          expect(await freshclam.update(own.path, counted.url)).toBe(6);
          expect(counted.seen.map((line) => line.split(' ')[1])).toEqual(['/test.cvd']);
          expect(counted.received).toBe(name === 'serve' || name === 'nginx' ? 0 : AT_MOST);
        },
      );
    });
  });
});
