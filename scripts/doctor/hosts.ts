import type { CycleSettings } from '../cycle/settings.ts';
import type { ExtraSource } from '../extras/extra.ts';
import { isHttp } from '../http/is-http.ts';
import { isS3Address } from '../store/s3/address.ts';

/** Hosts that a run connects to, by their words for people. The host of a bucket at AWS is known to the SDK alone. */
export function hostsOf({
  upstreams,
  publicUrl,
  store,
  s3,
  extras = [],
}: CycleSettings): { name: string; url: string }[] {
  const hosts: (readonly [string, string | undefined])[] = [
    ...upstreams.map((url, at) => [at === 0 ? 'upstream' : `upstream ${at + 1}`, url] as const),
    ['the public URL', publicUrl],
    ['the bucket', isS3Address(store) ? (s3.endpoint ?? 'https://s3.amazonaws.com') : undefined],
    ...hostsOfExtras(extras),
  ];
  return hosts.flatMap(([name, url]) => (url === undefined ? [] : [{ name, url }]));
}

/** Each host once, by the name of the first extra that comes from there. */
function hostsOfExtras(extras: readonly ExtraSource[]): (readonly [string, string])[] {
  const hosts = extras
    .filter(({ from }) => isHttp(from))
    .map(({ name, from }) => [new URL(from).origin, name] as const);
  return [...new Map(hosts.toReversed())].map(([origin, name]) => [`the source of ${name}`, origin]);
}
