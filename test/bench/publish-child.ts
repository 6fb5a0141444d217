import { keepCompiled } from '../../scripts/wiring/compile-cache.ts';
import { report } from './support.ts';

/** Publishes files to a bucket, in their order, and a manifest. */
const { where, endpoint, files, manifest }: Work = JSON.parse(process.argv[2] ?? '');

export interface Work {
  readonly where: string;
  readonly endpoint: string;
  readonly files: readonly { readonly name: string; readonly path: string; readonly sha256: string }[];
  readonly manifest: string;
}

keepCompiled(); // as the command does, which loads the rest after it
await report(async () => {
  const { S3Store } = await import('../../scripts/store/s3/store.ts');
  const { s3Settings } = await import('../../scripts/store/s3/address.ts');
  const store = new S3Store(s3Settings(where, { endpoint }));
  await using publication = await store.begin((await store.readManifest())?.tag);
  for (const { name, path, sha256 } of files) await publication.put(name, path, { sha256 });
  for (const page of ['timestamp', 'dns.txt', 'proof.json', 'proof.txt'])
    await publication.write(page, manifest);
  await publication.commit(manifest);
  return {};
});
