import { readFileSync } from 'node:fs';
import { TALOS, type Trust } from '../../../scripts/verify/trust.ts';
import { official } from '../setup/official.ts';
import { type ChainChange, SignAuthority, signFile } from './authority.ts';

/** The newest version of Talos' test database. */
export const NEWEST = 6;

/** Signs files as Talos does, under a root of its own. */
export class TestSigner implements Disposable {
  readonly authority = new SignAuthority();
  readonly #chain = this.authority.chain();
  /** Believes Talos' legacy signatures, and the `.sign` files of this signer. */
  readonly trust: Trust = { ...TALOS, roots: [this.#chain.root] };

  /** The `.sign` of these bytes, from 2025 until 2035 unless the chain is told otherwise. */
  sign(file: Uint8Array, change?: ChainChange): Buffer {
    const chain = change === undefined ? this.#chain : this.authority.chain(change);
    return Buffer.from(signFile(this.authority.signFile(file, chain)));
  }

  /** The `.sign` of one of Talos' files, by its name. */
  signOfficial(name: string, change?: ChainChange): Buffer {
    return this.sign(readFileSync(official(name)), change);
  }

  [Symbol.dispose](): void {
    this.authority[Symbol.dispose]();
  }
}

/** Talos' test databases with `.sign` files of our own. */
export class SignedOfficial extends TestSigner {
  /** By name: `test-1.cvd` to `test-6.cvd`, `test-2.cdiff` to `test-6.cdiff`, and the `.sign` of each. */
  readonly files = new Map<string, Buffer>();

  constructor() {
    super();
    for (let version = 1; version <= NEWEST; version++) {
      for (const kind of version === 1 ? ['cvd'] : ['cvd', 'cdiff']) {
        const name = `test-${version}.${kind}`;
        this.files.set(name, readFileSync(official(name)));
        this.files.set(`${name}.sign`, this.signOfficial(name));
      }
    }
  }

  /** A file with this name; throws if there is none. */
  file(name: string): Buffer {
    const bytes = this.files.get(name);
    if (bytes === undefined) throw new Error(`there is no ${name}`);
    return bytes;
  }
}
