import { readFileSync } from 'node:fs';
import { official } from './official.ts';
import { type Chain, LEAF, SignAuthority, signFile } from './sign-authority.ts';

/** The newest version of Talos' test database. */
const NEWEST = 6;

/** Talos' test databases with `.sign` files of our own. */
export class SignedOfficial implements Disposable {
  readonly authority = new SignAuthority();
  readonly #good: Chain = this.authority.chain();
  /** By name: `test-1.cvd` to `test-6.cvd`, `test-2.cdiff` to `test-6.cdiff`, and the `.sign` of each. */
  readonly files = new Map<string, Buffer>();

  constructor() {
    for (let version = 1; version <= NEWEST; version++) {
      for (const kind of version === 1 ? ['cvd'] : ['cvd', 'cdiff']) {
        const name = `test-${version}.${kind}`;
        this.files.set(name, readFileSync(official(name)));
        this.files.set(`${name}.sign`, this.sign(name, this.#good));
      }
    }
  }

  /** What to trust. */
  get roots(): readonly { readonly certificate: Uint8Array }[] {
    return [this.#good.root];
  }

  /** A file with this name; throws if there is none. */
  file(name: string): Buffer {
    const bytes = this.files.get(name);
    if (bytes === undefined) throw new Error(`there is no ${name}`);
    return bytes;
  }

  /** The `.sign` of a file, made anew by a certificate that ends then. */
  signedAnew(name: string, until: string): Buffer {
    const { root, embedded } = this.#good;
    const [issuer] = embedded;
    if (issuer === undefined) throw new Error('the chain has no intermediate certificate');
    const leaf = this.authority.issue({ name: 'Leaf', issuer, extensions: LEAF, until });
    return this.sign(name, { root, embedded, leaf });
  }

  /** The `.sign` of an official file by such a chain. */
  sign(name: string, { leaf, embedded }: Chain): Buffer {
    return Buffer.from(signFile(this.authority.sign(leaf, embedded, '-in', official(name)))); // the last -in counts
  }

  [Symbol.dispose](): void {
    this.authority[Symbol.dispose]();
  }
}
