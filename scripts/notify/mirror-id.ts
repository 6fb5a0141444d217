import { createHash } from 'node:crypto';

/**
 * Id of a mirror among those that report to one repository: eight hex digits that reveal no address, bucket or password.
 * It is made of the public address, which both the sync and the watchdog know; without one, of the store.
 */
export function mirrorId(environment: Readonly<Record<string, string | undefined>>): string {
  const of = (name: string) => environment[`CLAMAV_MIRROR_${name}`]?.trim() || undefined;
  const url = of('URL') ?? of('PUBLIC_URL');
  const address = url === undefined ? [of('STORE') ?? './mirror', of('S3_ENDPOINT') ?? ''] : [plain(url)];
  return createHash('sha256')
    .update(JSON.stringify(address.map(withoutSlash)))
    .digest('hex')
    .slice(0, 8);
}

/** Normal form of an address, without user and password. */
function plain(text: string): string {
  const url = URL.parse(text);
  return url === null ? text : `${url.origin}${url.pathname}`;
}

function withoutSlash(text: string): string {
  return text.replace(/\/+$/, '');
}
