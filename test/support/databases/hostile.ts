import { createHash } from 'node:crypto';
import { eicar } from '../../../scripts/proof/samples/samples.ts';
import type { TestUpstream } from '../mirror/upstream.ts';
import { type ChainLink, makeChain } from './chain.ts';
import { makeHeader } from './signing.ts';

/** Files of a version of `daily`, by extension; each is lines that ClamAV understands. */
export type DailyFiles = Readonly<Record<string, readonly string[]>>;

/** What every version holds: EICAR by its hash, so that the engines must find it, and something in each form. */
export const SOUND: DailyFiles = {
  hdb: [`${md5(eicar())}:68:Eicar-Test-Signature`, `${md5('nobody has this')}:15:Win.Test.Nobody-1`],
  ndb: ['Win.Test.Nobody-2:0:*:6e6f626f6479206861732074686973206569746865720a'],
  ldb: ['Win.Test.Nobody-3;Engine:51-255,Target:0;0;6e6f7220646f657320616e79626f64792068617665'],
};

/**
 * Two versions of `daily`, signed by the tests' keys: a sound one, and one that has these files instead of or beside
 * the sound ones.
 */
export function dailyChain(next: DailyFiles): ChainLink[] {
  const first = filesOf(SOUND);
  const second = filesOf({ ...SOUND, ...next });
  return makeChain('daily', [first, second], { header: { signatures: 100, fLevel: 90 }, from: 28_000 });
}

/** Makes upstream offer one version of a chain, and the CDIFFs that lead there. */
export function offerChain(upstream: TestUpstream, chain: readonly ChainLink[], version: number): void {
  for (const link of chain.filter((one) => one.version <= version)) {
    if (link.cdiff !== undefined) upstream.set(`daily-${link.version}.cdiff`, link.cdiff);
    if (link.version === version) upstream.set('daily.cvd', link.cvd);
  }
}

/** The same signature as before with one more line, so that two versions differ. */
export function more(extension: keyof typeof SOUND, ...lines: string[]): DailyFiles {
  return { [extension]: [...(SOUND[extension] ?? []), ...lines] };
}

export function md5(content: string | Uint8Array): string {
  return createHash('md5').update(content).digest('hex');
}

/** Of a header of `daily`, as the chain has it. */
export function builtOf(version: number): string {
  return new Date(makeHeader('daily', version).stime * 1000).toISOString();
}

function filesOf(files: DailyFiles): Map<string, Uint8Array> {
  const entries = Object.entries(files).map(([extension, lines]) => {
    return [`daily.${extension}`, Buffer.from(lines.map((line) => `${line}\n`).join(''))] as const;
  });
  return new Map(entries);
}
