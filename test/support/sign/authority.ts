import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeClamSign } from '../../../scripts/cvd/clamsign.ts';
import { CvdError } from '../../../scripts/cvd/error.ts';
import { VerifyError } from '../../../scripts/verify/error.ts';
import type { TrustedRoot } from '../../../scripts/verify/roots.ts';
import { DigestSet, verifySign } from '../../../scripts/verify/sign.ts';
import { TALOS } from '../../../scripts/verify/trust.ts';

/** When the signatures of a test are judged. */
export const CLOCK = new Date('2026-06-01T00:00:00Z');

/** What the authority signs unless told otherwise. */
export const SIGNED_FILE = Buffer.from('a file that somebody signs\n');

/** The first f-level that Talos' samples are for. */
const SAMPLE_FLEVEL = 230;

/** A certificate with its key, as files for the openssl command. */
export interface Identity {
  readonly certificatePath: string;
  readonly keyPath: string;
  /** The certificate in DER. */
  readonly certificate: Uint8Array;
}

type KeyType = 'rsa-2048' | 'rsa-1024' | 'ec';

/** What to put into a certificate. */
export interface Issue {
  readonly name: string;
  /** Left out: `CN=` and the name. */
  readonly subject?: string;
  /** Left out: it signs itself. */
  readonly issuer?: Identity;
  /** Lines of an OpenSSL extension section; see `ROOT`, `CA` and `LEAF`. */
  readonly extensions: readonly string[];
  readonly from?: string;
  readonly until?: string;
  /** Identities with the same `key` share one; left out: the name. */
  readonly key?: string;
  readonly keyType?: KeyType;
  readonly md?: string;
  /** Write names as PrintableString, not as UTF8String. */
  readonly printable?: boolean;
}

/** A signature in DER, and whom to trust. */
export interface Signed {
  readonly der: Uint8Array;
  readonly roots: readonly TrustedRoot[];
}

export interface Chain {
  readonly root: Identity;
  readonly embedded: readonly Identity[];
  readonly leaf: Identity;
}

export interface ChainChange {
  readonly root?: Partial<Issue>;
  readonly ca?: Partial<Issue>;
  readonly leaf?: Partial<Issue>;
}

export const ROOT = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
];
export const CA = [...ROOT, 'authorityKeyIdentifier=keyid'];
export const LEAF = [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=critical,codeSigning,emailProtection',
  'subjectKeyIdentifier=hash',
];

/**
 * Signs files the way Talos does, and badly in every way wanted, with the openssl command: so that what is
 * tested here was not written by the one who wrote the verifier. It lives in a temporary folder, from
 * the first use until it is disposed.
 */
export class SignAuthority implements Disposable {
  #folder: string | undefined;
  readonly #keys = new Set<string>();
  #count = 0;

  [Symbol.dispose](): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true });
  }

  issue(what: Issue): Identity {
    const keyPath = this.#key(what.key ?? what.name, what.keyType ?? 'rsa-2048');
    const [request, extensions, out] = [
      this.#path('csr.pem'),
      this.#path('ext.cnf'),
      this.#path(`${this.#count++}.crt`),
    ];
    const config = ['-config', this.#config(what.printable === true ? 'nombstr' : 'utf8only')];
    writeFileSync(extensions, what.extensions.join('\n'));
    run([
      'req',
      '-new',
      ...config,
      '-key',
      keyPath,
      '-subj',
      `/${what.subject ?? `CN=${what.name}`}`,
      '-out',
      request,
    ]);
    const issuer =
      what.issuer === undefined
        ? ['-selfsign', '-keyfile', keyPath]
        : ['-cert', what.issuer.certificatePath, '-keyfile', what.issuer.keyPath];
    const dates = [
      '-startdate',
      asn1Time(what.from ?? '2025-01-01'),
      '-enddate',
      asn1Time(what.until ?? '2035-01-01'),
    ];
    const files = ['-in', request, '-extfile', extensions, '-out', out];
    run(['ca', '-batch', '-notext', ...config, '-md', what.md ?? 'sha256', ...issuer, ...dates, ...files]);
    return { certificatePath: out, keyPath, certificate: new X509Certificate(readFileSync(out)).raw };
  }

  /** Root, intermediate and leaf, sound unless told otherwise. */
  chain(change: ChainChange = {}): Chain {
    const root = this.issue({ name: 'Root', extensions: ROOT, ...change.root });
    const ca = this.issue({ name: 'Intermediate', issuer: root, extensions: CA, ...change.ca });
    const leaf = this.issue({ name: 'Leaf', issuer: ca, extensions: LEAF, ...change.leaf });
    return { root, embedded: [ca], leaf };
  }

  /** A sound chain of this many certificates, root and leaf included. */
  longChain(length: number): Chain {
    const root = this.issue({ name: 'Root', extensions: ROOT });
    const embedded: Identity[] = [];
    while (embedded.length < length - 2) {
      const issuer = embedded.at(-1) ?? root;
      const name = `Intermediate ${embedded.length}`;
      embedded.push(this.issue({ name, key: 'Intermediate', issuer, extensions: CA }));
    }
    return {
      root,
      embedded,
      leaf: this.issue({ name: 'Leaf', issuer: embedded.at(-1) ?? root, extensions: LEAF }),
    };
  }

  /** `SIGNED_FILE`, signed by the leaf of such a chain, whose root is trusted. */
  signed(change: ChainChange = {}, ...flags: string[]): Signed {
    const { root, embedded, leaf } = this.chain(change);
    return { der: this.sign(leaf, embedded, ...flags), roots: [root] };
  }

  /** A SignedData in DER: detached and with `embedded` beside the signer's certificate unless `flags` say otherwise. */
  sign(signer: Identity, embedded: readonly Identity[], ...flags: string[]): Buffer {
    return this.signFile(SIGNED_FILE, { leaf: signer, embedded }, ...flags);
  }

  /** The same for any file. */
  signFile(
    file: Uint8Array,
    { leaf: signer, embedded }: Pick<Chain, 'leaf' | 'embedded'>,
    ...flags: string[]
  ): Buffer {
    const [input, certificates, out] = [
      this.#path('input'),
      this.#path('embedded.pem'),
      this.#path('out.der'),
    ];
    writeFileSync(input, file);
    writeFileSync(certificates, embedded.map((one) => readFileSync(one.certificatePath, 'utf8')).join(''));
    const more = embedded.length > 0 ? ['-certfile', certificates] : [];
    const who = ['-signer', signer.certificatePath, '-inkey', signer.keyPath, ...more];
    run(['cms', '-sign', '-binary', '-outform', 'DER', '-in', input, '-out', out, ...who, ...flags]);
    return readFileSync(out);
  }

  /**
   * The verdict of openssl on a signature of `file`. `cms` takes a certificate for any purpose; `smime` calls
   * PKCS7_verify() with the default purpose, as ClamAV does.
   */
  accepts(tool: 'cms' | 'smime', { der, roots }: Signed, file: Uint8Array = SIGNED_FILE): boolean {
    const [signature, content, trusted] = [
      this.#path('s.der'),
      this.#path('content'),
      this.#path('roots.pem'),
    ];
    writeFileSync(signature, der);
    writeFileSync(content, file);
    writeFileSync(trusted, roots.map((root) => new X509Certificate(root.certificate).toString()).join(''));
    const purpose = tool === 'cms' ? ['-purpose', 'any'] : [];
    const clock = ['-attime', String(CLOCK.getTime() / 1000)];
    const inputs = ['-inform', 'DER', '-in', signature, '-content', content, '-CAfile', trusted];
    const result = spawnSync('openssl', [
      tool,
      '-verify',
      '-binary',
      ...purpose,
      ...clock,
      ...inputs,
      '-out',
      '/dev/null',
    ]);
    return result.status === 0;
  }

  #key(name: string, type: KeyType): string {
    const path = this.#path(`${name}.${type}.key`);
    if (!this.#keys.has(path)) writeFileSync(path, generate(type));
    this.#keys.add(path);
    return path;
  }

  #config(stringMask: string): string {
    const path = this.#path('openssl.cnf');
    const lines = [
      '[ca]\ndefault_ca=here',
      `[here]\ndatabase=${this.#path('index.txt')}\nnew_certs_dir=${this.#path('.')}\nrand_serial=yes`,
      'policy=policy\nunique_subject=no',
      '[policy]\ncommonName=optional\norganizationName=optional',
      `[req]\ndistinguished_name=dn\nstring_mask=${stringMask}\n[dn]\n`,
    ];
    writeFileSync(path, lines.join('\n'));
    writeFileSync(this.#path('index.txt'), '');
    return path;
  }

  #path(name: string): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'sign-authority-'));
    return join(this.#folder, name);
  }
}

/** The extensions with the one of the same name replaced. */
export function replaced(extensions: readonly string[], line: string): string[] {
  return extensions.map((old) => (old.split('=')[0] === line.split('=')[0] ? line : old));
}

/** A `.sign` file with these signatures, each for the f-levels of Talos' samples. */
export function signFile(...signatures: Uint8Array[]): Uint8Array {
  return encodeClamSign(
    signatures.map((signature) => ({ minFLevel: SAMPLE_FLEVEL, maxFLevel: undefined, signature })),
  );
}

/** `verified`, or the code of the error; any other error is thrown on. */
export function signVerdict(
  sign: Uint8Array,
  roots: readonly TrustedRoot[],
  file: Uint8Array = SIGNED_FILE,
): string {
  try {
    verifySign(sign, new DigestSet().update(file).digests(), { ...TALOS, roots, now: () => CLOCK });
    return 'verified';
  } catch (error) {
    if (error instanceof CvdError || error instanceof VerifyError) return error.code;
    throw error;
  }
}

function generate(type: KeyType): string {
  const { privateKey } =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: type === 'rsa-1024' ? 1024 : 2048 });
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** `2025-01-31` as `20250131000000Z`, and `2025-01-31T06:00` as `20250131060000Z`. */
function asn1Time(time: string): string {
  return `${time.replaceAll(/[-T:]/g, '').padEnd(14, '0')}Z`;
}

function run(args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args);
  if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
}
