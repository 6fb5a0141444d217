import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { storeSettings } from '../../../scripts/settings/commands/store.ts';
import { openStore } from '../../../scripts/store/open.ts';
import { startFaultProxy } from '../../support/web/fault-proxy.ts';
import { startProxy } from '../../upstream/proxy/proxy.ts';
import { temporaryFolder } from '../support.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('a token of OIDC is exchanged for keys, through the proxy that the settings name', async () => {
  const asked: string[] = [];
  await using proxy = await startProxy(await startTokenService(asked));
  await using bucket = await startFaultProxy('http://127.0.0.1:9');
  const signed: unknown[] = [];
  bucket.fault = ({ headers }) => {
    const key = /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1];
    signed.push([key, headers['x-amz-security-token']]);
    return { status: 404, code: 'NoSuchKey' };
  };
  const token = join(temporaryFolder(), 'token');
  writeFileSync(token, 'token-of-ours');
  const nothing = join(temporaryFolder(), 'none');
  for (const [name, value] of Object.entries({
    AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/mirror',
    AWS_WEB_IDENTITY_TOKEN_FILE: token,
    AWS_ENDPOINT_URL_STS: 'http://sts.test',
    AWS_CONFIG_FILE: nothing,
    AWS_SHARED_CREDENTIALS_FILE: nothing,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
  }))
    vi.stubEnv(name, value);
  const { store, s3 } = storeSettings({
    flags: { store: 's3://mirror', 's3-endpoint': bucket.url },
    environment: { HTTP_PROXY: proxy.url(), NO_PROXY: '127.0.0.1' },
  });
  expect(await (await openStore(store, s3)).readManifest()).toBeUndefined();
  expect(proxy.seen).toMatchObject([{ line: 'POST http://sts.test/' }]);
  const [body = ''] = asked;
  expect(Object.fromEntries(new URLSearchParams(body))).toMatchObject({
    Action: 'AssumeRoleWithWebIdentity',
    RoleArn: 'arn:aws:iam::123456789012:role/mirror',
    WebIdentityToken: 'token-of-ours',
  });
  expect(signed).toEqual([['SHORTLIVED', 'session-of-ours']]);
});

/** A port that answers as AWS's token service does; the bodies of requests go to `asked`. */
async function startTokenService(asked: string[]): Promise<number> {
  const server = createServer(async (request, response) => {
    asked.push(await text(request));
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    response.setHeader('content-type', 'text/xml').end(
      `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
       <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>SHORTLIVED</AccessKeyId>
       <SecretAccessKey>secret</SecretAccessKey><SessionToken>session-of-ours</SessionToken>
       <Expiration>${expires}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
       </AssumeRoleWithWebIdentityResponse>`,
    );
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
