import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Something that a registry has: a manifest, or a blob, in memory or in a file. */
export interface Content {
  readonly type: string;
  readonly bytes: Buffer | { readonly file: string };
}

/** A request of a client, in the order in which they came. */
export interface RegistryRequest {
  readonly method: string;
  readonly path: string;
  readonly isIn: boolean;
}

/** A registry of the tests, on loopback. */
export interface TestRegistry extends AsyncDisposable {
  /** Host and port, as an image reference names them. */
  readonly host: string;
  readonly requests: readonly RegistryRequest[];
  /** Tags by name: `1.5` → `sha256:…`. */
  readonly tags: Map<string, string>;
  /** Manifests and blobs by digest. */
  readonly contents: Map<string, Content>;
  /** Answers these paths, by default all, with this status; `undefined`: as usual. */
  status: number | undefined;
  failing: RegExp;
  /** Challenge to requests without a token; by default the right one. */
  challenge: string | undefined;
  /** Adds a manifest of that text under these tags, and returns its digest. */
  push(text: string, ...tags: readonly string[]): string;
}

const REPOSITORY = 'clamav/clamav';

/**
 * A registry with one repository, `clamav/clamav`, as the distribution specification describes it: whoever has no token
 * is told where to get one, for this service and scope; manifests are had by tag and by digest, by GET and HEAD.
 */
export async function startRegistry(): Promise<TestRegistry> {
  const tokens = new Set<string>();
  const requests: RegistryRequest[] = [];
  const scope = `repository:${REPOSITORY}:pull`;
  const registry = {
    host: '',
    requests,
    tags: new Map<string, string>(),
    contents: new Map<string, Content>(),
    status: undefined as number | undefined,
    failing: /^/,
    challenge: undefined as string | undefined,
    push(text: string, ...tags: readonly string[]) {
      const bytes = Buffer.from(text);
      const digest = digestOf(bytes);
      registry.contents.set(digest, { type: 'application/vnd.oci.image.index.v1+json', bytes });
      for (const tag of tags) registry.tags.set(tag, digest);
      return digest;
    },
  };
  const answer = (request: IncomingMessage, response: ServerResponse): unknown => {
    const { method = '', headers } = request;
    const { pathname, searchParams } = new URL(request.url ?? '', `http://${registry.host}`);
    const isIn = tokens.has(headers.authorization?.replace(/^Bearer /, '') ?? '');
    requests.push({ method, path: pathname, isIn });
    if (registry.status !== undefined && registry.failing.test(pathname))
      return response.writeHead(registry.status).end();
    if (pathname === '/token') {
      if (searchParams.get('service') !== 'registry of the tests' || searchParams.get('scope') !== scope)
        return response.writeHead(400).end();
      const token = randomUUID();
      tokens.add(token);
      return response.end(JSON.stringify({ token, expires_in: 60 }));
    }
    if (!isIn) {
      const realm = `Bearer realm="http://${registry.host}/token",service="registry of the tests",scope="${scope}"`;
      return response.writeHead(401, { 'www-authenticate': registry.challenge ?? realm }).end();
    }
    if (pathname === '/v2/') return response.end('{}');
    const [, kind, name = ''] = /^\/v2\/clamav\/clamav\/(manifests|blobs)\/(.+)$/.exec(pathname) ?? [];
    const digest = kind === 'manifests' ? (registry.tags.get(name) ?? name) : name;
    const content = registry.contents.get(digest);
    if (content === undefined) {
      const code = kind === 'manifests' ? 'MANIFEST_UNKNOWN' : 'BLOB_UNKNOWN';
      const body = JSON.stringify({ errors: [{ code, message: `${kind} unknown` }] });
      return response
        .writeHead(404, { 'content-type': 'application/json' })
        .end(method === 'HEAD' ? undefined : body);
    }
    const { type, bytes } = content;
    const size = Buffer.isBuffer(bytes) ? bytes.length : statSync(bytes.file).size;
    response.writeHead(200, {
      'content-type': type,
      'content-length': size,
      'docker-content-digest': digest,
    });
    if (method === 'HEAD') return response.end();
    if (Buffer.isBuffer(bytes)) return response.end(bytes);
    return createReadStream(bytes.file).pipe(response);
  };
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  registry.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(registry, {
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close').catch(() => {});
    },
  });
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
