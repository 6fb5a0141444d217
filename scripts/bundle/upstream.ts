import { readFile, stat } from 'node:fs/promises';
import { cvdName } from '../cvd/names.ts';
import { copyRegular } from '../files/open.ts';
import { UpstreamError } from '../upstream/error.ts';
import type { UpstreamFiles } from '../upstream/http-client.ts';
import type { Upstream } from '../upstream/open.ts';
import type { Bundle } from './read.ts';

/** Stands in for the URL of an upstream. */
export const BUNDLES = 'bundles';

/**
 * Several bundles as one upstream, the newest last: a cycle takes from it what it lacks, and proves that as if a stranger
 * had sent it. Nothing is asked of any network.
 */
export function upstreamOf(bundles: readonly Bundle[]): Upstream {
  const files = new Map(bundles.flatMap((bundle) => [...bundle.files]));
  const headers = new Map<string, Buffer>();
  const checked = new Map<string, Date>();
  for (const { contents } of bundles) {
    for (const [database, one] of Object.entries(contents.databases)) {
      headers.set(cvdName(database), Buffer.from(one.header, 'base64'));
      checked.set(database, new Date(one.checked));
    }
  }
  const pathOf = async (name: string, limit: number) => {
    const path = files.get(name);
    if (path === undefined) throw new UpstreamError('upstream/missing', `no bundle has ${name}`);
    const { size } = await stat(path);
    if (size > limit)
      throw new UpstreamError(
        'upstream/too-large',
        `${name} in the bundle has ${size} bytes, more than ${limit}`,
      );
    return { path, size };
  };
  return {
    client(onBytes, database) {
      let received = 0;
      const count = (bytes: number) => {
        received += bytes;
        onBytes?.(received);
      };
      const asOf = database === undefined ? undefined : checked.get(database);
      const client: UpstreamFiles = {
        url: BUNDLES,
        ...(asOf && { asOf }),
        get received() {
          return received;
        },
        async probe(name) {
          const header = headers.get(name);
          if (header === undefined)
            throw new UpstreamError('upstream/missing', `no bundle has a header of ${name}`);
          count(header.length);
          return header;
        },
        async download(name, to, limit) {
          const { path, size } = await pathOf(name, limit);
          await copyRegular(path, to, { limit });
          count(size);
        },
        async fetch(name, limit) {
          const { path, size } = await pathOf(name, limit);
          count(size);
          return { bytes: await readFile(path), etag: undefined };
        },
      };
      return client;
    },
    async [Symbol.asyncDispose]() {},
  };
}
