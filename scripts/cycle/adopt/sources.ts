import { parseFileName } from '../../cvd/names.ts';
import { readStart } from '../../files/open.ts';
import { UpstreamError } from '../../upstream/error.ts';
import { PROBE_SIZE, type UpstreamFiles } from '../../upstream/http-client.ts';
import type { Upstream } from '../../upstream/open.ts';
import type { Adoption } from './adoption.ts';

/**
 * The adopted folder in the place of upstream: it has what is proven, and nothing else. Nobody knows how old it is, but a
 * version was the newest when it was built.
 */
export function adoptedUpstream(adoption: Adoption): Upstream {
  return {
    client: (_onBytes, database = '') => folderSource(adoption, database),
    async [Symbol.asyncDispose]() {},
  };
}

/** Stands in for the URL of an upstream in what is published: the path of the folder is nobody's business. */
const ADOPTED = 'an adopted folder';

function folderSource(adoption: Adoption, database: string): UpstreamFiles {
  const built = adoption.cvdOf(database)?.verified.header.stime;
  const cvdOf = (name: string) => {
    const file = parseFileName(name);
    return file?.kind === 'cvd' ? adoption.cvdOf(file.database) : undefined;
  };
  const missing = (name: string) =>
    new UpstreamError('upstream/missing', `${adoption.folder} has no proven ${name}`);
  return {
    url: ADOPTED,
    received: 0,
    ...(built !== undefined && { asOf: new Date(built * 1000) }),
    async probe(name) {
      const cvd = cvdOf(name);
      if (cvd === undefined) throw missing(name);
      return await readStart(cvd.path, PROBE_SIZE);
    },
    async download(name, path) {
      if (!(await adoption.take(cvdOf(name)?.name ?? name, path))) throw missing(name);
    },
    async fetch(name) {
      const bytes = adoption.takeSign(name);
      if (bytes === undefined) throw missing(name);
      return { bytes, etag: undefined };
    },
  };
}

/**
 * Upstream, but for CDIFFs and `.sign` files that the adopted folder has: the name of each says what it holds, and they are
 * proven. Whoever asks past all caches asks upstream.
 */
export function folderFirst(adoption: Adoption, upstream: UpstreamFiles): UpstreamFiles {
  const isCdiff = (name: string) => parseFileName(name)?.kind === 'cdiff';
  return {
    url: upstream.url,
    ...(upstream.asOf && { asOf: upstream.asOf }),
    get received() {
      return upstream.received;
    },
    probe: async (name, asking) => await upstream.probe(name, asking),
    async download(name, path, limit, resumption) {
      if (resumption?.fresh !== true && isCdiff(name) && (await adoption.take(name, path))) return;
      await upstream.download(name, path, limit, resumption);
    },
    async fetch(name, limit, etag, asking) {
      const bytes = asking?.fresh === true ? undefined : adoption.takeSign(name);
      return bytes === undefined
        ? await upstream.fetch(name, limit, etag, asking)
        : { bytes, etag: undefined };
    },
  };
}
