import { readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { HEADER_SIZE, parseHeader } from '../../scripts/cvd/header.ts';
import { type Engine, readsSigns } from '../../scripts/engine/engine.ts';
import { FACE } from '../../scripts/mirror/pages.ts';
import { configured, engineOf, startPrintedClient, startSeenHost, textOf } from '../conf/support.ts';
import { trusting } from '../support/clamav/engines.ts';
import { describeMirror, offer, startMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { REPOSITORY } from '../support/repository.ts';
import { describeWith, have, official } from '../support/setup/official.ts';
import { CACHING_PROXIES, startCachingProxy } from '../support/web/caching-proxies.ts';
import { startSquid } from '../support/web/squid.ts';
import { startWebServer } from '../support/web/web-servers.ts';
import { describeWithWebServers, probe, problems, problemsOfUnsigned } from './support.ts';

const squid = inject('squid');
/** Clients behind one proxy. */
const CLIENTS = 3;

describeMirror('a caching proxy in front of a mirror', () => {
  describeWithWebServers('with nginx', () => {
    describeWith(squid)('and squid', () => {
      let native: Engine;
      beforeAll(async () => {
        native = await engineOf('native');
      });

      /** A mirror that has published version 5, and is about to be offered 6. */
      async function fifth(): Promise<TestMirror> {
        const mirror = await startMirror(5);
        await mirror.sync({ openProver: async () => trusting });
        await chmod(mirror.folder, 0o755);
        return mirror;
      }
      const publishSixth = async (mirror: TestMirror) => {
        offer(mirror, 6);
        expect((await mirror.sync({ openProver: async () => trusting })).outcome).toBe('published');
      };

      describe.for(CACHING_PROXIES)('%s', (name) => {
        test('is fit for clients, for real freshclam too', async () => {
          await using mirror = await fifth();
          await using host = await startWebServer('nginx', mirror.store);
          await using proxy = await startCachingProxy(name, host.port);
          for (const _ of ['into the cache', 'out of it']) {
            const report = await probe(proxy.url, { client: process.env.PATH ?? '' });
            // squid sends all of what it keeps for a part beyond the end, which no client asks for: README.md says so
            const others = problems(report).filter((one) => name !== 'squid' || one !== 'range: warning');
            expect(others).toEqual(await problemsOfUnsigned({ client: true }));
          }
        });

        test('hands on what a browser and Prometheus are told', async () => {
          await using mirror = await fifth();
          await using host = await startWebServer('nginx', mirror.store);
          await using proxy = await startCachingProxy(name, host.port);
          const headersOf = async (url: string) => {
            const { status, headers } = await fetch(url);
            const names = ['content-type', 'x-content-type-options', 'content-security-policy'];
            return [status, ...names.map((header) => headers.get(header))];
          };
          for (const path of ['', ...FACE, 'manifest.json', 'test-5.cdiff'])
            expect(await headersOf(`${proxy.url}/${path}`), path).toEqual(
              await headersOf(`${host.url}/${path}`),
            );
        });

        test('shows a new version once its time is over, never without its CDIFF, and no mixture', async () => {
          await using mirror = await fifth();
          await using host = await startWebServer('nginx', mirror.store, (config) =>
            config.replace('max-age=60', 'max-age=1').replace('rate=20r/s', 'rate=10000r/s'),
          );
          await using proxy = await startCachingProxy(name, host.port);
          const statusOf = async (file: string) => (await fetch(`${proxy.url}/${file}`)).status;
          const versionOf = async (headers: Record<string, string> = {}) => {
            const response = await fetch(`${proxy.url}/test.cvd`, { headers });
            return parseHeader(Buffer.from(await response.arrayBuffer()).subarray(0, HEADER_SIZE)).version;
          };
          expect(await versionOf()).toBe(5);
          expect(await statusOf('test-6.cdiff')).toBe(404);
          await publishSixth(mirror);
          for (let whole = 0; whole !== 6; ) {
            const header = await versionOf({ range: `bytes=0-${HEADER_SIZE - 1}` });
            whole = await versionOf();
            expect(whole).toBeGreaterThanOrEqual(header);
            if (whole === 6) expect(await statusOf('test-6.cdiff')).toBe(200);
          }
          await using client = await startPrintedClient(native);
          await client.plant(5, official('test-5.cvd'));
          await client.freshclam(textOf(await configured([proxy.url]), 'freshclam.conf'));
          expect(await client.has()).toBe('test.cld 6');
        });
      });

      describe('costs its mirror', () => {
        let mirror: TestMirror;
        beforeAll(async () => {
          mirror = await fifth();
          await publishSixth(mirror);
        });
        afterAll(async () => await mirror[Symbol.asyncDispose]());
        const readme = readFileSync(join(REPOSITORY, 'site', 'hosts', 'README.md'), 'utf8');

        /** Requests of all clients that reach the mirror: when they begin with nothing, look again, and are one behind. */
        async function rowOf(
          way: string,
          start: (
            port: number,
          ) => Promise<AsyncDisposable & { readonly url: string; readonly forward?: true }>,
        ): Promise<string> {
          await using host = await startSeenHost(mirror.store, native);
          await using proxy = await start(host.port);
          const report = await (proxy.forward
            ? configured([host.url], { databases: 'test', proxy: proxy.url })
            : configured([proxy.url], { databases: 'test' }));
          const text = textOf(report, 'freshclam.conf');
          const clients = await Promise.all(
            Array.from({ length: CLIENTS }, () => startPrintedClient(native)),
          );
          const asked = async () => {
            host.requests.length = 0;
            for (const client of clients) {
              const { output } = await client.freshclam(text);
              expect(await client.has(), output).toMatch(/ 6$/);
            }
            return [...host.requests];
          };
          try {
            const fresh = await asked();
            const check = await asked();
            for (const client of clients) await client.plant(5, official('test-5.cvd'));
            const update = await asked();
            const cells = [check, update, fresh].map((lines) => {
              const count = (of: RegExp) =>
                lines.filter(({ path, range }) => of.test(path) && range === undefined).length;
              return `${lines.length}, ${count(/\.cdiff$/)} CDIFF, ${count(/\.cvd$/)} CVD`;
            });
            return `| ${way} | ${cells.join(' | ')} |`;
          } finally {
            for (const client of clients) await client[Symbol.asyncDispose]();
          }
        }

        const none = async (port: number) => ({
          url: `http://127.0.0.1:${port}`,
          [Symbol.asyncDispose]: async () => {},
        });
        const forward = async () => {
          const proxy = await startSquid(have(squid), { rules: ['http_access allow localhost'] });
          return Object.assign(proxy, { forward: true as const });
        };

        test.for([
          ['no proxy', none],
          ['`HTTPProxyServer`', forward],
          ['`squid.conf`', (port: number) => startCachingProxy('squid', port, { forADay: true })],
          ['`nginx-proxy-cache.conf`', (port: number) => startCachingProxy('nginx', port, { forADay: true })],
        ] as const)('what site/hosts/README.md says: %s', async ([way, start], { skip }) => {
          skip(readsSigns(native), 'a client of 1.5 or later asks for .sign files too');
          const row = await rowOf(way, start);
          expect(readme.split('\n').filter((line) => line.startsWith(`| ${way} |`))).toEqual([row]);
        });
      });
    });
  });
});
