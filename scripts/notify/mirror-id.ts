import { createHash } from 'node:crypto';

/**
 * Tells a mirror from another one that reports to the same repository: eight hex digits, from which nobody reads an
 * address, a bucket or a password. The public address decides, since whoever writes the mirror and whoever watches it
 * both know it; without one, the store does.
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

/** The same for every way to write an address; without user and password. */
function plain(text: string): string {
  const url = URL.parse(text);
  return url === null ? text : `${url.origin}${url.pathname}`;
}

function withoutSlash(text: string): string {
  return text.replace(/\/+$/, '');
}
