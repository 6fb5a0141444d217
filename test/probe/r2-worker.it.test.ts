import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { REPOSITORY } from '../support/repository.ts';
import { faults, finding, probe, problems, problemsOfUnsigned, publishedMirror } from './support.ts';

interface Worker {
  fetch(request: Request, env: object): Promise<Response>;
}

/** As much of an R2 bucket as the Worker uses, made of a folder. `replaced` says how often an object changes meanwhile. */
function bucketOf(folder: string, replaced = { times: 0 }) {
  const head = async (key: string) => {
    const path = join(folder, key);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return null;
    const etag = createHash('md5')
      .update(await readFile(path))
      .digest('hex');
    return { size: found.size, uploaded: found.mtime, etag, httpEtag: `"${etag}"` };
  };
  const get = async (
    key: string,
    options: { onlyIf: { etagMatches: string }; range: { offset: number; length: number } },
  ) => {
    const object = await head(key);
    if (object === null) return null;
    if (replaced.times-- > 0 || object.etag !== options.onlyIf.etagMatches) return object;
    const { offset, length } = options.range;
    const bytes = (await readFile(join(folder, key))).subarray(offset, offset + length);
    return { ...object, body: new Blob([new Uint8Array(bytes)]).stream() };
  };
  return { head, get };
}

/** The Worker behind Node's HTTP. */
async function startWorker(env: object) {
  const path = join(REPOSITORY, 'site', 'hosts', 'r2', 'r2-worker.js');
  const { default: worker }: { default: Worker } = await import(path);
  const server = createServer(async (incoming, outgoing) => {
    const headers = new Headers({ 'cf-connecting-ip': '192.0.2.7' });
    for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value));
    const { method = 'GET', url } = incoming;
    const response = await worker.fetch(new Request(`http://127.0.0.1${url}`, { method, headers }), env);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    if (response.body === null) outgoing.end();
    else Readable.fromWeb(response.body).pipe(outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describeMirror('the Worker for R2', () => {
  let mirror: TestMirror;
  beforeAll(async () => {
    mirror = await publishedMirror();
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  test('gets a clean bill, and real freshclam takes everything from it', async () => {
    await using worker = await startWorker({ MIRROR: bucketOf(mirror.store), PREFIX: '' });
    const report = await probe(worker.url, { full: true, client: process.env.PATH ?? '' });
    expect(problems(report)).toEqual(await problemsOfUnsigned({ client: true }));
    expect((await fetch(`${worker.url}/.clamav-mirror/lock`)).status).toBe(404);
    const page = await fetch(`${worker.url}/`);
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  test('serves no .cld that a freshclam left there, but for those of the owner', async () => {
    for (const name of ['test.cld', 'local_x.cld']) await writeFile(join(mirror.store, name), 'left there');
    await using worker = await startWorker({ MIRROR: bucketOf(mirror.store) });
    expect((await fetch(`${worker.url}/test.cld`)).status).toBe(404);
    expect((await fetch(`${worker.url}/local_x.cld`)).status).toBe(200);
  });

  test('says 304 for the very Last-Modified only, and sends none to a client that names a later date', async () => {
    await using worker = await startWorker({ MIRROR: bucketOf(mirror.store) });
    const ask = async (since: string | number) => {
      const headers = { 'if-modified-since': new Date(since).toUTCString() };
      const response = await fetch(`${worker.url}/test.cvd`, { headers });
      return { status: response.status, modified: response.headers.get('last-modified') };
    };
    const modified = (await fetch(`${worker.url}/test.cvd`)).headers.get('last-modified') ?? '';
    expect(await ask(modified)).toEqual({ status: 304, modified });
    expect(await ask(Date.parse(modified) - 1000)).toEqual({ status: 200, modified });
    expect(await ask(Date.parse(modified) + 1000)).toEqual({ status: 200, modified: null });
  });

  test('lets caches keep a CDIFF for a year, and a .sign for a minute', async () => {
    await writeFile(join(mirror.store, 'other-6.cvd.sign'), 'made anew for the same version one day');
    await using worker = await startWorker({ MIRROR: bucketOf(mirror.store) });
    const ageOf = async (name: string) => (await fetch(`${worker.url}/${name}`)).headers.get('cache-control');
    expect(await ageOf('test-6.cdiff')).toContain('max-age=31536000');
    expect(await ageOf('other-6.cvd.sign')).toContain('max-age=60');
  });

  test('never mixes an object with the one that replaces it', async () => {
    await using patient = await startWorker({ MIRROR: bucketOf(mirror.store, { times: 2 }) });
    expect((await fetch(`${patient.url}/test.cvd`)).status).toBe(200);
    await using hopeless = await startWorker({ MIRROR: bucketOf(mirror.store, { times: 9 }) });
    expect((await fetch(`${hopeless.url}/test.cvd`)).status).toBe(503);
  });

  test('lets in by address and password, if told to', async () => {
    const MIRROR = bucketOf(mirror.store);
    await using near = await startWorker({ MIRROR, ALLOWED_ADDRESSES: '198.51.100.1, 192.0.2.' });
    expect(faults(await probe(near.url))).toEqual([]);
    await using far = await startWorker({ MIRROR, ALLOWED_ADDRESSES: '192.0.2.70, 192.0' });
    expect(finding(await probe(far.url), 'signature')?.what).toContain('403');
    await using secret = await startWorker({ MIRROR, BASIC_AUTH: 'clamav:secret' });
    expect(finding(await probe(secret.url), 'signature')?.what).toContain('401');
    expect(faults(await probe(secret.url.replace('//', '//clamav:secret@')))).toEqual([]);
  });
});
