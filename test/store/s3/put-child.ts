import { s3Settings } from '../../../scripts/store/s3/address.ts';
import { S3Store } from '../../../scripts/store/s3/store.ts';

/** Publishes the file at a path as test.cvd, with a manifest of one word. */
const [where = '', endpoint = '', path = '', sha256 = '', lease = ''] = process.argv.slice(2);
const store = new S3Store(s3Settings(where, { endpoint }), { lease: Number(lease), settle: 300 });
await using publication = await store.begin((await store.readManifest())?.tag);
await publication.put('test.cvd', path, { sha256 });
await publication.commit('new');
