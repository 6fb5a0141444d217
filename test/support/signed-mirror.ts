import { TALOS, type Trust } from '../../scripts/verify/trust.ts';
import { type SyncChange, startMirror, type TestMirror } from './cycle.ts';
import { SignedOfficial } from './signed-official.ts';

/** A mirror of database `test` whose upstream has `.sign` files of our own. */
export interface SignedMirror extends TestMirror {
  readonly signed: SignedOfficial;
  /** Trusts our signer, by the clock of `at`. */
  readonly trust: (at?: Date) => Trust;
  /** Makes upstream offer another version with all CDIFFs, and the `.sign` of each unless `signs` is false. */
  offer(version: number, signs?: boolean): void;
  /** One cycle that trusts our signer, at that time. */
  syncAt(at: Date, change?: SyncChange): ReturnType<TestMirror['sync']>;
}

export async function startSignedMirror(version: number): Promise<SignedMirror> {
  const signed = new SignedOfficial();
  const mirror = await startMirror(version);
  const trust = (at = new Date()): Trust => ({ ...TALOS, roots: signed.roots, now: () => at });
  const offer = (newest: number, signs = true) => {
    const names = [
      `test-${newest}.cvd`,
      ...Array.from({ length: newest - 1 }, (_, at) => `test-${at + 2}.cdiff`),
    ];
    mirror.upstream.set('test.cvd', signed.file(`test-${newest}.cvd`));
    for (const name of names) {
      if (name.endsWith('.cdiff')) mirror.upstream.set(name, signed.file(name));
      if (signs) mirror.upstream.set(`${name}.sign`, signed.file(`${name}.sign`));
    }
  };
  offer(version);
  return {
    ...mirror,
    signed,
    trust,
    offer,
    syncAt: async (at, change) => await mirror.sync({ now: () => at, trust: trust(at), ...change }),
    async [Symbol.asyncDispose]() {
      signed[Symbol.dispose]();
      await mirror[Symbol.asyncDispose]();
    },
  };
}
