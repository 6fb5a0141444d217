import type { CycleSettings } from '../cycle/settings.ts';
import { isS3Address } from '../store/s3/address.ts';

/** Hosts that a run connects to, by their words for people. The host of a bucket at AWS is known to the SDK alone. */
export function hostsOf({ upstream, publicUrl, store, s3 }: CycleSettings): { name: string; url: string }[] {
  const hosts = [
    ['upstream', upstream],
    ['the public URL', publicUrl],
    ['the bucket', isS3Address(store) ? (s3.endpoint ?? 'https://s3.amazonaws.com') : undefined],
  ] as const;
  return hosts.flatMap(([name, url]) => (url === undefined ? [] : [{ name, url }]));
}
