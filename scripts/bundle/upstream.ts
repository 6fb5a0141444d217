import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
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
  const offered = new Map(bundles.flatMap(({ contents }) => Object.entries(contents.databases)));
  const files = new Map(bundles.flatMap((bundle) => [...bundle.files]));
  const bases = new Map(
    [...wholeIn(bundles)].filter(([name, { version }]) => version !== offered.get(name)?.version),
  );
  for (const database of bases.keys()) files.delete(cvdName(database)); // it is not the one of the header
  const headers = new Map([...offered].map(([database, { header }]) => [cvdName(database), header]));
  const headerOf = (name: string) => {
    const header = headers.get(name);
    if (header === undefined)
      throw new UpstreamError('upstream/missing', `no bundle has a header of ${name}`);
    return Buffer.from(header, 'base64');
  };
  const pathOf = (name: string) => {
    const path = files.get(name);
    if (path === undefined) throw new UpstreamError('upstream/missing', `no bundle has ${name}`);
    return path;
  };
  return {
    client(onBytes, database = '') {
      let received = 0;
      const count = (bytes: number) => {
        received += bytes;
        onBytes?.(received);
      };
      const copy = async (path: string, to: string, limit: number) => {
        const size = await sizeOf(path, limit);
        await copyRegular(path, to, { limit });
        count(size);
      };
      const { checked } = offered.get(database) ?? {};
      const { path, version } = bases.get(database) ?? {};
      const client: UpstreamFiles = {
        url: BUNDLES,
        ...(checked && { asOf: new Date(checked) }),
        ...(path !== undefined &&
          version !== undefined && {
            base: { version, download: async (to, limit) => await copy(path, to, limit) },
          }),
        get received() {
          return received;
        },
        async probe(name) {
          const header = headerOf(name);
          count(header.length);
          return header;
        },
        download: async (name, to, limit) => await copy(pathOf(name), to, limit),
        async fetch(name, limit) {
          const path = pathOf(name);
          count(await sizeOf(path, limit));
          return { bytes: await readFile(path), etag: undefined };
        },
      };
      return client;
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** The newest CVD of each database that bundles hold whole. */
export function wholeIn(
  bundles: readonly Bundle[],
): ReadonlyMap<string, { readonly path: string; readonly version: number }> {
  return new Map(
    bundles.flatMap(({ contents, files }) =>
      Object.entries(contents.databases).flatMap(([database, { version }]) => {
        const path = files.get(cvdName(database));
        return path === undefined ? [] : [[database, { path, version }] as const];
      }),
    ),
  );
}

async function sizeOf(path: string, limit: number): Promise<number> {
  const { size } = await stat(path);
  if (size <= limit) return size;
  const what = `${basename(path)} in the bundle has ${size} bytes, more than ${limit}`;
  throw new UpstreamError('upstream/too-large', what);
}
