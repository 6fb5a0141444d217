import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { codeOf, explain, MirrorError } from '../../base/errors.ts';
import type { Store } from '../../store/store.ts';
import type { Trust } from '../../verify/trust.ts';
import { foreignFilesIn } from '../foreign/foreign-files.ts';
import { parseManifest } from '../manifest.ts';
import type { Checked } from './check-file.ts';
import { checkTree, foreignFile } from './check-tree.ts';
import { fetchTree } from './fetch-tree.ts';

/** Proves every byte of a remote mirror. Paths are names in the store, or empty for the whole mirror. */
export async function checkStore(store: Store, trust: Trust): Promise<Checked[]> {
  const folder = await mkdtemp(join(tmpdir(), 'clamav-mirror-verify-'));
  try {
    await fetchTree(store, folder);
    const checked = (await checkTree(folder, trust)).map((one) => ({
      ...one,
      path: relative(folder, one.path),
    }));
    const strangers = (await foreignIn(store)).filter((name) => checked.every(({ path }) => path !== name));
    return [...strangers.map(foreignFile), ...checked];
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    return [{ path: '', verdict: 'unreadable', reason: explain(error), code: codeOf(error) ?? 'unexpected' }];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Names of foreign files, which are reported without a download. */
async function foreignIn(store: Store): Promise<string[]> {
  const found = await store.readManifest();
  if (found === undefined) return [];
  try {
    const manifest = parseManifest(found.text, store.where);
    return await foreignFilesIn(store, { manifest, listing: await store.list() });
  } catch (error) {
    if (codeOf(error) !== 'store/manifest') throw error;
    return []; // the check of the tree reports it
  }
}
