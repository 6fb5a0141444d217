import { encodeDnsRecord } from '../cvd/dns-record.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { parseOwnManifest } from '../mirror/own-manifest.ts';
import { servingOf } from '../notify/cycle-failures.ts';
import { fewer } from '../notify/job-report.ts';
import type { Store } from '../store/store.ts';
import { MANIFEST } from '../store/store.ts';

/** Reads the manifest that is published now, whatever the cycle did. */
export async function manifestOf(store: Store): Promise<Manifest | undefined> {
  const found = await store.readManifest();
  return found === undefined ? undefined : parseOwnManifest(found.text, store.where).manifest;
}

/** Outputs that describe a published mirror. */
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
