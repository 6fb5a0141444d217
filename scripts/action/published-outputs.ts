import { encodeDnsRecord } from '../cvd/dns-record.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { servingOf } from '../notify/cycle-failures.ts';
import { fewer } from '../notify/job-report.ts';
import { MANIFEST } from '../store/store.ts';

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
