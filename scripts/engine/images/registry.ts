import { explain } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import { REGISTRY_MS, REGISTRY_TOKEN_BYTES } from '../../base/limits/engines.ts';
import { startOfBody } from '../../http/body.ts';
import { isHttp } from '../../http/is-http.ts';
import { prepareNetwork } from '../../http/network.ts';
import type { ImageReference } from './reference.ts';

/** Answer of a registry about an image. `unknown`: it did not say, and `why` tells the reason. */
export type Presence =
  | { readonly is: 'there' | 'missing' }
  | { readonly is: 'unknown'; readonly why: string };

/** Kinds of manifest. A registry may answer 404 for an index if only single images are asked for. */
const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');
/** Registry behind the name `docker.io`. */
const DOCKER_HUB = 'registry-1.docker.io';
/** Hosts that docker asks without TLS, too. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/;
/** Form of a bearer token (RFC 6750, section 2.1). */
const TOKEN = /^[\w.~+/-]+=*$/;

/**
 * Asks a registry for the manifest of a tag or digest, by HEAD, which does not count as a pull (the distribution
 * specification, "Checking if content exists in the registry"). The registry names who gives tokens to anybody
 * (https://distribution.github.io/distribution/spec/auth/token/). It works without any package, and never throws.
 */
export async function askRegistry(
  { registry, repository }: ImageReference,
  reference: string,
): Promise<Presence> {
  prepareNetwork();
  const scheme = LOOPBACK.test(registry) ? 'http' : 'https';
  const host = registry === 'docker.io' ? DOCKER_HUB : registry;
  const url = `${scheme}://${host}/v2/${repository}/manifests/${reference}`;
  try {
    const signal = AbortSignal.timeout(REGISTRY_MS);
    const head = async (authorization: Readonly<Record<string, string>> = {}) =>
      await ask(url, { method: 'HEAD', headers: { accept: MANIFESTS, ...authorization }, signal });
    let answer = await head();
    if (answer.status === 401) {
      const challenge = answer.headers.get('www-authenticate') ?? '';
      answer = await head({ authorization: `Bearer ${await tokenFor(challenge, url, signal)}` });
    }
    if (answer.status === 200) return { is: 'there' };
    if (answer.status === 404) return { is: 'missing' };
    throw new Error(`${host} answers ${answer.status}`);
  } catch (error) {
    return { is: 'unknown', why: explain(error) };
  }
}

/** Follows no redirect: a manifest comes from the registry itself, and a token from where the registry says. */
async function ask(url: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...request, redirect: 'manual' });
  } catch (cause) {
    throw new Error(`${new URL(url).host} does not answer`, { cause });
  }
}

async function tokenFor(challenge: string, from: string, signal: AbortSignal): Promise<string> {
  const { realm = '', service, scope } = parametersOf(challenge);
  const url = URL.parse(realm);
  if (url === null || !isHttp(realm) || (from.startsWith('https:') && url.protocol !== 'https:'))
    throw new Error(`${new URL(from).host} lets nobody in without an account`);
  if (service !== undefined) url.searchParams.set('service', service);
  if (scope !== undefined) url.searchParams.set('scope', scope);
  const answer = await ask(url.href, { signal });
  const body = answer.body === null ? Buffer.alloc(0) : await startOfBody(answer.body, REGISTRY_TOKEN_BYTES);
  if (answer.status !== 200) throw new Error(`${url.host} answers ${answer.status}, and gives no token`);
  const { token, access_token: other = token } = Object(
    parseJson(body.toString('utf8'), REGISTRY_TOKEN_BYTES),
  );
  if (typeof other !== 'string' || !TOKEN.test(other)) throw new Error(`${url.host} gives no token`);
  return other;
}

/** Parameters of a Bearer challenge (RFC 9110, section 11.6.1); none if it is another one. */
function parametersOf(challenge: string): Readonly<Record<string, string>> {
  if (!/^bearer /i.test(challenge)) return {};
  const found = challenge.matchAll(/(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/g);
  return Object.fromEntries(
    [...found].map(([, name = '', quoted, plain]) => [
      name.toLowerCase(),
      quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '',
    ]),
  );
}
