import type { Proof } from './proof/record.ts';
import type { DatabaseRecord } from './store/manifest.ts';

/** A version may be this many times as large as the one before, or as small, and some bytes more or less. */
const SIZE_FACTOR = 2;
const SIZE_SLACK = 1_000_000;

/**
 * What looks wrong about the next version of a database beside the published one, in sentences: nothing that a
 * signature or an engine would notice, and yet what a mass of clients should not get unseen.
 */
export function implausibleIn(
  database: string,
  next: DatabaseRecord,
  published: DatabaseRecord | undefined,
  { maxSignatureDrop }: { readonly maxSignatureDrop: number },
): string[] {
  if (published === undefined) return [];
  const findings: string[] = [];
  if (next.version < published.version) {
    findings.push(`its version goes back from ${published.version} to ${next.version}`);
  }
  if (Date.parse(next.built) < Date.parse(published.built)) {
    findings.push(`its build time goes back from ${published.built} to ${next.built}`);
  }
  if (next.signatures < published.signatures * (1 - maxSignatureDrop)) {
    findings.push(
      `its signatures fall from ${published.signatures} to ${next.signatures}, by more than ${maxSignatureDrop * 100} %`,
    );
  }
  if (
    next.size > published.size * SIZE_FACTOR + SIZE_SLACK ||
    next.size < published.size / SIZE_FACTOR - SIZE_SLACK
  ) {
    findings.push(`its size goes from ${published.size} to ${next.size} bytes`);
  }
  return findings.map((finding) => `${database}: ${finding}`);
}

/** The same for a database that no engine of a proof understands as a whole. */
export function beyondEngines(database: string, { fLevel }: DatabaseRecord, { engines }: Proof): string[] {
  const highest = Math.max(...engines.map((engine) => engine.fLevel ?? 0));
  if (fLevel <= highest) return [];
  return [`${database}: its f-level ${fLevel} is beyond every engine's, the highest of which is ${highest}`];
}
