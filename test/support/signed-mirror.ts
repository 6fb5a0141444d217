import { chmod, readFile } from 'node:fs/promises';
import { TALOS, type Trust } from '../../scripts/verify/trust.ts';
import { offer, startMirror, type TestMirror } from './cycle.ts';
import { trusting } from './engines.ts';
import { official } from './official.ts';
import { type ChainChange, SignAuthority, signFile } from './sign-authority.ts';

/** Signs files as Talos does, under a root of its own. */
export class TestSigner implements Disposable {
  readonly #authority = new SignAuthority();
  readonly #root = this.#authority.chain().root;
  /** Believes Talos' legacy signatures, and the `.sign` files of this signer. */
  readonly trust: Trust = { ...TALOS, roots: [this.#root] };

  /** The `.sign` of these bytes, from 2025 until 2035 unless the chain is told otherwise. */
  sign(file: Uint8Array, { ca, leaf }: Pick<ChainChange, 'ca' | 'leaf'> = {}): Uint8Array {
    const chain = this.#authority.chain({ ...(ca && { ca }), ...(leaf && { leaf }) });
    return signFile(this.#authority.signFile(file, chain));
  }

  /** The `.sign` of one of Talos' files, by its name. */
  async signOfficial(name: string, change?: Pick<ChainChange, 'ca' | 'leaf'>): Promise<Uint8Array> {
    return this.sign(await readFile(official(name)), change);
  }

  [Symbol.dispose](): void {
    this.#authority[Symbol.dispose]();
  }
}

/**
 * A mirror of database `test` that was published at these versions one after the other, each with its `.sign`, and that
 * every user may read. It passes unproven: what is tested comes after that.
 */
export async function signedMirror(signer: TestSigner, ...versions: readonly number[]): Promise<TestMirror> {
  const mirror = await startMirror(versions[0] ?? 6);
  for (const version of versions) {
    offer(mirror, version);
    mirror.upstream.set(`test-${version}.cvd.sign`, await signer.signOfficial(`test-${version}.cvd`));
    for (let step = 2; step <= version; step++)
      mirror.upstream.set(`test-${step}.cdiff.sign`, await signer.signOfficial(`test-${step}.cdiff`));
    await mirror.sync({ trust: signer.trust, findProver: async () => trusting });
  }
  await chmod(mirror.folder, 0o755);
  return mirror;
}
