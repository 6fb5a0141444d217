import { chmod } from 'node:fs/promises';
import { afterAll } from 'vitest';
import type { Trust } from '../../../scripts/verify/trust.ts';
import { trusting } from '../clamav/engines.ts';
import { type SyncChange, startMirror, type TestMirror } from '../mirror/cycle.ts';
import { SignedOfficial, type TestSigner } from './signed-official.ts';

export { TestSigner } from './signed-official.ts';

/** A mirror of database `test` whose upstream has `.sign` files of our own. */
export interface SignedMirror extends TestMirror {
  readonly signed: SignedOfficial;
  /** Trusts our signer, by the clock of `at`. */
  readonly trust: (at?: Date) => Trust;
  /** Makes upstream offer another version with all CDIFFs, and the `.sign` of each. */
  offer(version: number): void;
  /** One cycle that trusts our signer, at that time. */
  syncAt(at: Date, change?: SyncChange): ReturnType<TestMirror['sync']>;
}

/** One signer for all mirrors of a test file: its keys and its signatures take half a second. */
let shared: SignedOfficial | undefined;
afterAll(() => {
  shared?.[Symbol.dispose]();
  shared = undefined;
});

/** Nothing is published yet; `version` is what upstream offers. */
export async function startSignedMirror(version: number): Promise<SignedMirror> {
  shared ??= new SignedOfficial();
  const signed = shared;
  const mirror = await startMirror(version);
  const trust = (at = new Date()): Trust => ({ ...signed.trust, now: () => at });
  const offer = (newest: number) => {
    mirror.upstream.set('test.cvd', signed.file(`test-${newest}.cvd`));
    mirror.upstream.set(`test-${newest}.cvd.sign`, signed.file(`test-${newest}.cvd.sign`));
    for (let step = 2; step <= newest; step++) {
      for (const name of [`test-${step}.cdiff`, `test-${step}.cdiff.sign`])
        mirror.upstream.set(name, signed.file(name));
    }
  };
  offer(version);
  return {
    ...mirror,
    signed,
    trust,
    offer,
    syncAt: async (at, change) => await mirror.sync({ now: () => at, trust: trust(at), ...change }),
  };
}

/**
 * A mirror of database `test` that was published at these versions one after the other, each with its `.sign`, and that
 * every user may read. It passes unproven: what is tested comes after that.
 */
export async function signedMirror(signer: TestSigner, ...versions: readonly number[]): Promise<TestMirror> {
  const mirror = await startSignedMirror(versions[0] ?? 6);
  for (const version of versions) {
    mirror.offer(version);
    for (const name of mirror.signed.files.keys()) {
      const isOffered = name === `test-${version}.cvd.sign` || name.endsWith('.cdiff.sign');
      if (isOffered) mirror.upstream.set(name, signer.signOfficial(name.slice(0, -'.sign'.length)));
    }
    await mirror.sync({ trust: signer.trust, openProver: async () => trusting });
  }
  await chmod(mirror.folder, 0o755);
  return mirror;
}
