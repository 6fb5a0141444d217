import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { REGISTRY_MS, REGISTRY_TOKEN_BYTES } from '../../../scripts/base/limits/engines.ts';
import { parseImage } from '../../../scripts/engine/images/reference.ts';
import { askRegistry } from '../../../scripts/engine/images/registry.ts';
import { freePort } from '../../support/web/ports.ts';
import { startRegistry, type TestRegistry } from '../../support/web/registry.ts';

const GONE = `sha256:${'0'.repeat(64)}`;

let registry: TestRegistry;
beforeEach(async () => {
  registry = await startRegistry();
});
afterEach(async () => await registry[Symbol.asyncDispose]());

async function ask(reference: string, host = registry.host) {
  const image = parseImage(`${host}/clamav/clamav`);
  if (image === undefined) throw new Error(`${host} is no host`);
  return await askRegistry(image, reference);
}

/** A server that gives this answer to each request. */
async function startServer(answer: (path: string) => { status: number; headers?: object; body?: string }) {
  const server = createServer((request, response) => {
    const { status, headers, body } = answer(request.url ?? '');
    response.writeHead(status, { ...headers }).end(request.method === 'HEAD' ? undefined : body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a registry is asked for a digest by HEAD, with a token for anybody', async () => {
  const digest = registry.push('an image', '1.5');
  expect(await ask(digest)).toEqual({ is: 'there' });
  expect(registry.requests).toEqual([
    { method: 'HEAD', path: `/v2/clamav/clamav/manifests/${digest}`, isIn: false },
    { method: 'GET', path: '/token', isIn: false },
    { method: 'HEAD', path: `/v2/clamav/clamav/manifests/${digest}`, isIn: true },
  ]);
});

test('a digest that is gone is missing, and its tag is there', async () => {
  registry.push('a later image', '1.5');
  expect(await ask(GONE)).toEqual({ is: 'missing' });
  expect(await ask('1.5')).toEqual({ is: 'there' });
});

test('a registry that lets everybody in needs no token', async () => {
  const host = await startServer(() => ({ status: 200 }));
  expect(await ask(GONE, host)).toEqual({ is: 'there' });
});

describe('an image is neither there nor missing', () => {
  test.each([403, 429, 500, 503, 301])('if the registry answers %i', async (status) => {
    registry.status = status;
    expect(await ask(GONE)).toEqual({ is: 'unknown', why: expect.stringContaining(String(status)) });
  });

  test('if nobody answers', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    expect(await ask(GONE, host)).toEqual({ is: 'unknown', why: expect.stringContaining(host) });
  });

  test('if it says nothing in its time', async () => {
    const timeout = vi
      .spyOn(AbortSignal, 'timeout')
      .mockReturnValue(AbortSignal.abort(new Error('too late')));
    onTestFinished(() => timeout.mockRestore());
    expect(await ask(GONE)).toMatchObject({ is: 'unknown' });
    expect(timeout).toHaveBeenCalledWith(REGISTRY_MS);
  });

  test.each([
    ['only with an account', 'Basic realm="registry"'],
    ['without saying how', ''],
    ['by a token from nowhere', 'Bearer realm="token",service="x"'],
    ['by a token from a file', 'Bearer realm="file:///etc/passwd"'],
  ])('if the registry lets in %s', async (_, challenge) => {
    registry.challenge = challenge;
    expect(await ask(GONE)).toMatchObject({ is: 'unknown' });
    expect(registry.requests).toHaveLength(1);
  });

  test.each([
    ['is refused', 401, ''],
    ['is a page', 200, '<html>'],
    ['is none', 200, '{}'],
    ['is no text', 200, '{"token":["a"]}'],
    ['could be another header', 200, JSON.stringify({ token: 'a\r\nx: y' })],
    ['is too long', 200, JSON.stringify({ token: 'a'.repeat(REGISTRY_TOKEN_BYTES) })],
  ])('if the token %s', async (_, status, body) => {
    const asked: string[] = [];
    const host: string = await startServer((path) => {
      asked.push(path);
      if (path.startsWith('/token')) return { status, body };
      return { status: 401, headers: { 'www-authenticate': `Bearer realm="http://${host}/token"` } };
    });
    expect(await ask(GONE, host)).toMatchObject({ is: 'unknown' });
    expect(asked).toEqual([`/v2/clamav/clamav/manifests/${GONE}`, '/token']);
  });
});
