import { afterAll, expect, test } from 'vitest';
import {
  CA,
  CLOCK,
  LEAF,
  ROOT,
  replaced,
  SignAuthority,
  type Signed,
  signFile,
  signVerdict,
} from '../support/sign/authority.ts';
import { encodeDer, rewrite } from '../support/sign/der.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';

const authority = new SignAuthority();
afterAll(() => authority[Symbol.dispose]());

const FOR_ANY_CA = 'basicConstraints=critical,CA:TRUE';
const another = { key: 'another' };

/** Where things are in a SignedData: paths for `rewrite`. */
const AT = {
  version: [1, 0, 0],
  digests: [1, 0, 1],
  contentType: [1, 0, 2, 0],
  certificates: [1, 0, 3],
  signerVersion: [1, 0, 4, 0, 0],
  signerName: [1, 0, 4, 0, 1],
  signerDigest: [1, 0, 4, 0, 2],
  attributes: [1, 0, 4, 0, 3],
  signature: [1, 0, 4, 0, 5],
} as const;
const NULL = encodeDer(0x05);
const MD5 = encodeDer(0x30, encodeDer(0x06, Buffer.from('2a864886f70d0205', 'hex')), NULL);

/** A sound signature with one element changed afterwards. */
function edited(path: readonly number[], edit: (element: Buffer) => Uint8Array): Signed {
  const { der, roots } = authority.signed();
  return { der: rewrite(der, path, edit), roots };
}

const GOOD: Record<string, () => Signed> = {
  'with SHA-256': () => authority.signed({}, '-md', 'sha256'),
  'with SHA-384': () => authority.signed({}, '-md', 'sha384'),
  'with SHA-512': () => authority.signed({}, '-md', 'sha512'),
  'with certificates signed with other digests': () =>
    authority.signed({ ca: { md: 'sha512' }, leaf: { md: 'sha384' } }),
  'with a leaf that the root itself issued': () => {
    const { root, embedded, leaf } = authority.longChain(2);
    return { der: authority.sign(leaf, embedded), roots: [root] };
  },
  'with a chain of eight': () => {
    const { root, embedded, leaf } = authority.longChain(8);
    return { der: authority.sign(leaf, embedded), roots: [root] };
  },
  'with the root embedded': () => {
    const { root, embedded, leaf } = authority.chain();
    return { der: authority.sign(leaf, [root, ...embedded]), roots: [root] };
  },
  'with path lengths that just suffice': () =>
    authority.signed({
      root: { extensions: replaced(ROOT, `${FOR_ANY_CA},pathlen:1`) },
      ca: { extensions: replaced(CA, `${FOR_ANY_CA},pathlen:0`) },
    }),
  'with certificates that name no usage': () =>
    authority.signed({
      ca: { extensions: ['basicConstraints=CA:TRUE'] },
      leaf: { extensions: ['basicConstraints=CA:FALSE'] },
    }),
  'with a leaf that names its issuer by key identifier and serial': () =>
    authority.signed({ leaf: { extensions: [...LEAF, 'authorityKeyIdentifier=keyid,issuer:always'] } }),
  'whose intermediate writes the name of its issuer in another string type': () => {
    const { embedded, leaf } = authority.chain({ root: { printable: true } });
    return { der: authority.sign(leaf, embedded), roots: [authority.chain().root] };
  },
  'with two trusted roots of one name': () => {
    const { der, roots } = authority.signed();
    return { der, roots: [...roots, authority.chain({ root: another }).root].reverse() };
  },
};

/** OpenSSL refuses these too, at least as ClamAV calls it. */
const BAD: Record<string, [code: string, make: () => Signed]> = {
  'with an expired leaf': ['verify/not-valid-now', () => authority.signed({ leaf: { until: '2026-05-31' } })],
  'with a leaf not valid yet': [
    'verify/not-valid-now',
    () => authority.signed({ leaf: { from: '2026-06-02' } }),
  ],
  'with an expired intermediate': [
    'verify/not-valid-now',
    () => authority.signed({ ca: { until: '2026-05-31' } }),
  ],
  'with an intermediate not valid yet': [
    'verify/not-valid-now',
    () => authority.signed({ ca: { from: '2026-06-02' } }),
  ],
  'with an expired root': ['verify/not-valid-now', () => authority.signed({ root: { until: '2026-05-31' } })],
  'with an intermediate that is not a CA': [
    'verify/unfit-signer',
    () => authority.signed({ ca: { extensions: replaced(CA, 'basicConstraints=critical,CA:FALSE') } }),
  ],
  'with an intermediate without basic constraints': [
    'verify/unfit-signer',
    () => authority.signed({ ca: { extensions: ['keyUsage=critical,keyCertSign'] } }),
  ],
  'with an intermediate that may not sign certificates': [
    'verify/unfit-signer',
    () => authority.signed({ ca: { extensions: replaced(CA, 'keyUsage=critical,digitalSignature') } }),
  ],
  'with an intermediate for servers': [
    'verify/unfit-signer',
    () => authority.signed({ ca: { extensions: [...CA, 'extendedKeyUsage=serverAuth'] } }),
  ],
  'with a root that allows no intermediate': [
    'verify/unfit-signer',
    () => authority.signed({ root: { extensions: replaced(ROOT, `${FOR_ANY_CA},pathlen:0`) } }),
  ],
  'with an intermediate below one that allows none': [
    'verify/unfit-signer',
    () => {
      const { root, embedded } = authority.chain({
        ca: { extensions: replaced(CA, `${FOR_ANY_CA},pathlen:0`) },
      });
      const [issuer = root] = embedded;
      const second = authority.issue({ name: 'Second', issuer, extensions: CA });
      const leaf = authority.issue({ name: 'Leaf', issuer: second, extensions: LEAF });
      return { der: authority.sign(leaf, [...embedded, second]), roots: [root] };
    },
  ],
  'with a leaf for encryption': [
    'verify/unfit-signer',
    () => authority.signed({ leaf: { extensions: replaced(LEAF, 'keyUsage=critical,keyEncipherment') } }),
  ],
  'with a leaf for code only, which ClamAV refuses': [
    'verify/unfit-signer',
    () => authority.signed({ leaf: { extensions: replaced(LEAF, 'extendedKeyUsage=codeSigning') } }),
  ],
  'with a leaf of a Netscape type other than S/MIME': [
    'verify/unfit-signer',
    () => authority.signed({ leaf: { extensions: [...LEAF, 'nsCertType=objsign'] } }),
  ],
  'with an unknown critical extension': [
    'verify/unfit-signer',
    () => authority.signed({ leaf: { extensions: [...LEAF, '1.2.3.4=critical,ASN1:NULL'] } }),
  ],
  'with a leaf that signed itself': [
    'verify/untrusted-signer',
    () => {
      const leaf = authority.issue({ name: 'Leaf', extensions: LEAF });
      return { der: authority.sign(leaf, []), roots: [authority.chain().root] };
    },
  ],
  'with the intermediate missing': [
    'verify/untrusted-signer',
    () => {
      const { root, leaf } = authority.chain();
      return { der: authority.sign(leaf, []), roots: [root] };
    },
  ],
  'with the leaf missing': ['verify/untrusted-signer', () => authority.signed({}, '-nocerts')],
  'with an intermediate of the right name and another key': [
    'verify/signature',
    () => {
      const { root, leaf } = authority.chain();
      return { der: authority.sign(leaf, authority.chain({ ca: another }).embedded), roots: [root] };
    },
  ],
  'with an intermediate of another key identifier': [
    'verify/unfit-signer',
    () => {
      const twin = { extensions: replaced(CA, 'subjectKeyIdentifier=00112233') };
      const named = { extensions: [...LEAF, 'authorityKeyIdentifier=keyid'] };
      const { root, leaf } = authority.chain({ ca: twin, leaf: named });
      return { der: authority.sign(leaf, authority.chain().embedded), roots: [root] };
    },
  ],
  'with a root of the right name and another key': [
    'verify/signature',
    () => ({ der: authority.signed().der, roots: [authority.chain({ root: another }).root] }),
  ],
  'with such a root embedded': [
    'verify/signature',
    () => {
      const { root, embedded, leaf } = authority.chain();
      const der = authority.sign(leaf, [...embedded, root]);
      return { der, roots: [authority.chain({ root: another }).root] };
    },
  ],
  'with a changed signature': [
    'verify/signature',
    () => edited(AT.signature, (element) => flipLastBit(element)),
  ],
  'without the signed time': ['verify/signature', () => edited([...AT.attributes, 1], () => Buffer.alloc(0))],
  'without the signed digest': [
    'verify/sign-format',
    () => edited([...AT.attributes, 2], () => Buffer.alloc(0)),
  ],
  'without the signed content type': [
    'verify/sign-format',
    () => edited([...AT.attributes, 0], () => Buffer.alloc(0)),
  ],
  'with its signed attributes in another order': [
    'verify/sign-format',
    () =>
      edited(AT.attributes, (set) => {
        const [start, end] = [3, 5 + (set[4] ?? 0)]; // the first attribute, behind a length of two bytes
        return encodeDer(0xa0, set.subarray(end), set.subarray(start, end));
      }),
  ],
  'with RSA-PSS': ['verify/sign-format', () => authority.signed({}, '-keyopt', 'rsa_padding_mode:pss')],
  'with a signer named by key identifier, which ClamAV cannot read': [
    'verify/sign-format',
    () => authority.signed({}, '-keyid'),
  ],
  'with no digest algorithm': ['verify/sign-format', () => edited(AT.digests, () => encodeDer(0x31))],
  'with another digest algorithm': ['verify/sign-format', () => edited(AT.signerDigest, () => MD5)],
  'with a third element': [
    'verify/sign-format',
    () => edited([], (der) => encodeDer(0x30, der.subarray(4), NULL)),
  ],
  'that is cut off': ['verify/sign-format', () => edited([], (der) => der.subarray(0, -1))],
  'with an INTEGER longer than needed': [
    'verify/sign-format',
    () => edited(AT.version, () => encodeDer(0x02, Buffer.from([0, 1]))),
  ],
};

/** OpenSSL takes these; we do not, because a `.sign` file has no need for them or because bytes go unproven. */
const STRICTER: Record<string, [code: string, make: () => Signed]> = {
  'with a chain of nine': [
    'verify/unfit-signer',
    () => {
      const { root, embedded, leaf } = authority.longChain(9);
      return { der: authority.sign(leaf, embedded), roots: [root] };
    },
  ],
  'with a leaf in its last second': [
    'verify/not-valid-now',
    () => authority.signed({ leaf: { until: CLOCK.toISOString().slice(0, 10) } }),
  ],
  'with a certificate that has no place in the chain': [
    'verify/unfit-signer',
    () => {
      const { root, embedded, leaf } = authority.chain();
      const stranger = authority.issue({ name: 'Stranger', extensions: ROOT });
      return { der: authority.sign(leaf, [...embedded, stranger]), roots: [root] };
    },
  ],
  'with name constraints': [
    'verify/unfit-signer',
    () => authority.signed({ ca: { extensions: [...CA, 'nameConstraints=permitted;email:example.com'] } }),
  ],
  'with a certificate signed with SHA-1': [
    'verify/unfit-signer',
    () => authority.signed({ ca: { md: 'sha1' } }),
  ],
  'with a leaf without a common name, on which ClamAV panics': [
    'verify/unfit-signer',
    () => authority.signed({ leaf: { subject: 'O=Somebody' } }),
  ],
  'with a key of 1024 bits': [
    'verify/unfit-signer',
    () => authority.signed({ leaf: { keyType: 'rsa-1024' } }),
  ],
  'with an elliptic key': ['verify/unfit-signer', () => authority.signed({ leaf: { keyType: 'ec' } })],
  'with an elliptic key in between': [
    'verify/unfit-signer',
    () => authority.signed({ ca: { keyType: 'ec' } }),
  ],
  'with SHA-1': ['verify/sign-format', () => authority.signed({}, '-md', 'sha1')],
  'without signed attributes': ['verify/sign-format', () => authority.signed({}, '-noattr')],
  'with the file inside': ['verify/sign-format', () => authority.signed({}, '-nodetach')],
  'with another content type': [
    'verify/sign-format',
    () => authority.signed({}, '-econtent_type', '1.2.3.4'),
  ],
  'with two signers': [
    'verify/sign-format',
    () => {
      const { root, embedded, leaf } = authority.chain();
      const { certificatePath, keyPath } = authority.issue({
        name: 'Second',
        issuer: embedded[0] ?? root,
        extensions: LEAF,
      });
      const der = authority.sign(leaf, embedded, '-signer', certificatePath, '-inkey', keyPath);
      return { der, roots: [root] };
    },
  ],
  'in BER of indefinite length': [
    'verify/sign-format',
    () => edited([], (der) => Buffer.concat([Buffer.from([0x30, 0x80]), der.subarray(4), Buffer.alloc(2)])),
  ],
  'with a length longer than needed': [
    'verify/sign-format',
    () => edited([], (der) => Buffer.concat([Buffer.from([0x30, 0x83, 0]), der.subarray(2)])),
  ],
  'with an element behind its end': ['verify/sign-format', () => edited([], behind)],
  'of another version': [
    'verify/sign-format',
    () => edited(AT.version, () => encodeDer(0x02, Buffer.from([3]))),
  ],
  'of another signer version': [
    'verify/sign-format',
    () => edited(AT.signerVersion, () => encodeDer(0x02, Buffer.from([3]))),
  ],
  'that claims another content type': ['verify/sign-format', () => edited(AT.contentType, flipLastBit)],
  'with a second digest algorithm': [
    'verify/sign-format',
    () => edited(AT.digests, (set) => encodeDer(0x31, set.subarray(2), MD5)),
  ],
  'with an element behind the SignedData': ['verify/sign-format', () => edited([1, 0], behind)],
  'with an element behind the signers': ['verify/sign-format', () => edited([1, 0, 4], behind)],
  'with an element behind the serial': ['verify/sign-format', () => edited([...AT.signerName, 1], behind)],
  'with an element behind a signed digest': [
    'verify/sign-format',
    () => edited([...AT.attributes, 2, 1], (set) => encodeDer(0x31, set.subarray(2), NULL)),
  ],
  'with an element behind a signed attribute': [
    'verify/sign-format',
    () => edited([...AT.attributes, 3, 1], behind),
  ],
  'with a signed attribute that comes twice': [
    'verify/sign-format',
    () => edited([...AT.attributes, 0], (one) => Buffer.concat([one, flipBits(one, 3)])),
  ],
  'with CRLs': [
    'verify/sign-format',
    () => edited(AT.certificates, (element) => Buffer.concat([element, encodeDer(0xa1)])),
  ],
  'with unsigned attributes': [
    'verify/sign-format',
    () => edited(AT.signature, (element) => Buffer.concat([element, encodeDer(0xa1)])),
  ],
};

describeWithOpenssl('a .sign file beside the verdict of openssl', () => {
  test.each(Object.entries(GOOD))('%s is verified by both', (_, make) => {
    const signed = make();
    expect(signVerdict(signFile(signed.der), signed.roots)).toBe('verified');
    expect([authority.accepts('cms', signed), authority.accepts('smime', signed)]).toEqual([true, true]);
  });

  test.each(Object.entries(BAD))('%s is refused by both', (_, [code, make]) => {
    const signed = make();
    expect(signVerdict(signFile(signed.der), signed.roots)).toBe(code);
    expect([authority.accepts('cms', signed), authority.accepts('smime', signed)]).toContain(false);
  });

  test.each(Object.entries(STRICTER))('%s is refused by us alone', (_, [code, make]) => {
    const { der, roots } = make();
    expect(signVerdict(signFile(der), roots)).toBe(code);
  });

  test('of another file is refused by both', () => {
    const signed = authority.signed();
    const other = Buffer.from('another file');
    expect(signVerdict(signFile(signed.der), signed.roots, other)).toBe('verify/signature');
    expect([authority.accepts('cms', signed, other), authority.accepts('smime', signed, other)]).toEqual([
      false,
      false,
    ]);
  });
});

function behind(element: Buffer): Buffer {
  return Buffer.concat([element, NULL]);
}

function flipLastBit(bytes: Uint8Array): Buffer {
  return flipBits(bytes, 1);
}

/** Flips bits of the last byte. */
function flipBits(bytes: Uint8Array, mask: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ mask;
  return copy;
}
