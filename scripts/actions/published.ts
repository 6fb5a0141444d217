import { encodeDnsRecord } from '../dns-record.ts';
import { servingOf } from '../notify/failures.ts';
import { fewer } from '../notify/handed-on.ts';
import { MANIFEST, type Manifest } from '../store/manifest.ts';
import { parseOwnManifest } from '../store/own-manifest.ts';
import type { Store } from '../store/store.ts';

/** What is published now, whatever became of the cycle. */
export async function manifestOf(store: Store): Promise<Manifest | undefined> {
  const found = await store.readManifest();
  return found === undefined ? undefined : parseOwnManifest(found.text, store.where).manifest;
}

/** What is said of a published mirror. */
export function publishedOutputs(
  manifest: Manifest | undefined,
  publicUrl: string | undefined,
): Record<string, string> {
  return {
    versions: JSON.stringify(fewer(servingOf(manifest, publicUrl)?.versions ?? {})),
    'manifest-url': publicUrl === undefined ? '' : `${publicUrl}/${MANIFEST}`,
    'dns-txt': manifest === undefined ? '' : encodeDnsRecord(manifest.databases, new Date(manifest.checked)),
  };
}
