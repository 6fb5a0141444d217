import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { servedName } from '../../scripts/host/served-name.ts';
import { REPOSITORY } from '../support/repository.ts';

const HOSTS = join(REPOSITORY, 'site', 'hosts');
const read = (name: string) => readFileSync(join(HOSTS, name), 'utf8');

interface Outcome {
  readonly uri?: string;
  readonly statusCode?: number;
}

/** CloudFront's answer to a request, or the request that it goes on with. It gives a function nothing of Node. */
function handled(uri: string): Outcome {
  const event = { request: { method: 'GET', uri, headers: {} } };
  const text = `${read('s3-cloudfront/viewer-request.js')}; handler(event)`;
  return runInNewContext(text, { event }) as Outcome;
}

describe('the function of CloudFront', () => {
  test.each([
    ...[
      'test.cvd',
      'daily-28001.cdiff',
      'daily-28001.cdiff.sign',
      'manifest.json',
      'index.html',
      'timestamp',
    ],
    ...[
      'changes/daily-28101.json',
      'changes/daily.names.json',
      'archive/daily-28000.cvd',
      'archive/daily-28000.cvd.sign',
      'local_x.cld',
      'archive/local_x.cud',
    ],
    ...['.hidden', 'archive/.hidden', '.clamav-mirror/lock', 'archive/', 'a/b', 'archive/a/b', '../x', '%2e'],
  ])('asks the bucket for /%s if the built-in host would look for it', (path) => {
    const outcome = handled(`/${path}`);
    if (servedName(`/${path}`) === undefined) expect(outcome.statusCode).toBe(404);
    else expect(outcome.uri).toBe(`/${path}`);
  });

  test.each(['test.cld', 'daily.cud', 'archive/test.cld'])('answers 404 for /%s', (path) => {
    expect(handled(`/${path}`)).toMatchObject({ statusCode: 404 });
  });

  test('shows the status page for /, and takes the address of a mirror that ends with a slash', () => {
    expect(handled('/').uri).toBe('/index.html');
    expect(handled('//test.cvd').uri).toBe('/test.cvd');
  });
});

test('the Worker of R2 takes the address of a mirror that ends with a slash, too', async () => {
  const { default: worker } = await import(join(HOSTS, 'r2', 'r2-worker.js'));
  const asked: string[] = [];
  const head = async (key: string) => {
    asked.push(key);
    return null;
  };
  await worker.fetch(new Request('https://mirror.example//test.cvd'), { MIRROR: { head } });
  expect(asked).toEqual(['test.cvd']);
});

describe('what a browser is told of the status page', () => {
  test('is the same by CloudFront and by every other host', () => {
    const [policy] = /default-src [^"]*frame-ancestors 'none'/.exec(read('nginx.conf')) ?? [];
    expect(policy).toBeDefined();
    for (const name of ['Caddyfile', 'apache.conf', 'lighttpd.conf', 'r2/r2-worker.js'])
      expect(read(name), name).toContain(policy);
    const { SecurityHeadersConfig } = JSON.parse(read('s3-cloudfront/response-headers-policy.json'));
    expect(SecurityHeadersConfig).toEqual({
      ContentTypeOptions: { Override: true },
      ContentSecurityPolicy: { Override: true, ContentSecurityPolicy: policy },
    });
  });

  test('reaches each answer of the distribution', () => {
    const { DefaultCacheBehavior, CacheBehaviors } = JSON.parse(read('s3-cloudfront/distribution.json'));
    expect(CacheBehaviors).toBeUndefined();
    expect(DefaultCacheBehavior).toMatchObject({
      ResponseHeadersPolicyId: 'RESPONSE_HEADERS_POLICY',
      FunctionAssociations: { Items: [{ EventType: 'viewer-request', FunctionARN: 'FUNCTION' }] },
    });
  });
});
