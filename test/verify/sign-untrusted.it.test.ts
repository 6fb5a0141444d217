import { afterAll, expect, test } from 'vitest';
import {
  CA,
  type ChainChange,
  describeWithOpenssl,
  LEAF,
  ROOT,
  replaced,
  SignAuthority,
  signFile,
  signVerdict,
} from '../support/sign-authority.ts';
import { rewrite } from '../support/sign-der.ts';

const authority = new SignAuthority();
afterAll(() => authority[Symbol.dispose]());

const UNKNOWN = { name: 'A root nobody told us of' };

describeWithOpenssl('a .sign file under a root we do not know', () => {
  test('is withheld, not refused, if all of it is sound', () => {
    const { der } = authority.signed({ root: UNKNOWN });
    expect(signVerdict(signFile(der), [authority.chain().root])).toBe('verify/untrusted-signer');
    expect(signVerdict(signFile(der), [])).toBe('verify/untrusted-signer');
  });

  test('is withheld if that root is embedded', () => {
    const { root, embedded, leaf } = authority.chain({ root: UNKNOWN });
    const der = authority.sign(leaf, [...embedded, root]);
    expect(signVerdict(signFile(der), [authority.chain().root])).toBe('verify/untrusted-signer');
  });

  test('is all that a chain looks like when somebody renames the issuer of its last CA', () => {
    const { der, roots } = authority.signed();
    const renamed = rewrite(der, [1, 0, 3, 1, 0, 3], (name) =>
      Buffer.from(name.toString('latin1').replace('Root', 'Roof'), 'latin1'),
    );
    const other = rewrite(der, [1, 0, 3, 0, 0, 3], (name) =>
      Buffer.from(name.toString('latin1').replace('Root', 'Roof'), 'latin1'),
    );
    const verdicts = [renamed, other].map((changed) => signVerdict(signFile(changed), roots));
    expect(verdicts.toSorted()).toEqual(['verified', 'verify/untrusted-signer']);
  });

  test('is refused if that root is embedded and has expired', () => {
    const { root, embedded, leaf } = authority.chain({ root: { ...UNKNOWN, until: '2026-05-31' } });
    expect(signVerdict(signFile(authority.sign(leaf, [...embedded, root])), [])).toBe('verify/signature');
  });

  test('is refused if that root is embedded and did not sign itself', () => {
    const { root, embedded, leaf } = authority.chain({ root: UNKNOWN });
    const forged = rewrite(root.certificate, [2], (signature) => flip(signature));
    const der = rewrite(authority.sign(leaf, [...embedded, root]), [1, 0, 3], (set) => {
      const at = set.indexOf(root.certificate);
      return Buffer.concat([set.subarray(0, at), forged, set.subarray(at + forged.length)]);
    });
    expect(signVerdict(signFile(der), [])).toBe('verify/signature');
  });

  const unsound: Record<string, ChainChange> = {
    'its leaf has expired': { leaf: { until: '2026-05-31' } },
    'its intermediate has expired': { ca: { until: '2026-05-31' } },
    'its intermediate is not valid yet': { ca: { from: '2026-06-02' } },
    'its intermediate is not a CA': {
      ca: { extensions: replaced(CA, 'basicConstraints=critical,CA:FALSE') },
    },
    'its leaf is for encryption': {
      leaf: { extensions: replaced(LEAF, 'keyUsage=critical,keyEncipherment') },
    },
    'its leaf is for servers': { leaf: { extensions: replaced(LEAF, 'extendedKeyUsage=serverAuth') } },
    'its intermediate has a weak key': { ca: { keyType: 'rsa-1024' } },
  };
  test.each(Object.entries(unsound))('is refused if %s', (_, change) => {
    const { der } = authority.signed({ root: UNKNOWN, ...change });
    expect(signVerdict(signFile(der), [authority.chain().root])).toBe('verify/signature');
  });

  test('is refused if it is for another file', () => {
    const { der } = authority.signed({ root: UNKNOWN });
    expect(signVerdict(signFile(der), [], Buffer.from('another file'))).toBe('verify/signature');
  });

  test('is refused if its intermediate did not sign its leaf', () => {
    const { leaf } = authority.chain({ root: UNKNOWN });
    const { embedded } = authority.chain({ root: UNKNOWN, ca: { key: 'another' } });
    expect(signVerdict(signFile(authority.sign(leaf, embedded)), [])).toBe('verify/signature');
  });

  test('is refused if it comes without a CA, for then no link of its chain is proven', () => {
    const { leaf } = authority.chain({ root: UNKNOWN });
    expect(signVerdict(signFile(authority.sign(leaf, [])), [])).toBe('verify/signature');
  });

  test('is refused if its leaf signed itself, even as a CA', () => {
    const both = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,digitalSignature,keyCertSign'];
    for (const extensions of [LEAF, both]) {
      const leaf = authority.issue({ name: 'Leaf', extensions });
      expect(signVerdict(signFile(authority.sign(leaf, [])), [])).toBe('verify/signature');
    }
  });

  test('is refused if it embeds a stranger', () => {
    const { embedded, leaf } = authority.chain({ root: UNKNOWN });
    const stranger = authority.issue({ name: 'Stranger', extensions: ROOT });
    const der = authority.sign(leaf, [...embedded, stranger]);
    expect(signVerdict(signFile(der), [])).toBe('verify/signature');
  });

  test('is refused if its root has the name of one we know', () => {
    const { der } = authority.signed({ root: { key: 'another' } });
    expect(signVerdict(signFile(der), [authority.chain().root])).toBe('verify/signature');
  });
});

describeWithOpenssl('a .sign file with several signatures', () => {
  const good = () => authority.signed().der;
  const expired = () => authority.signed({ leaf: { until: '2026-05-31' } }).der;
  const untrusted = () => authority.signed({ root: UNKNOWN }).der;
  const malformed = () => Buffer.from([0x30, 0]);
  const verdict = (...signatures: (() => Uint8Array)[]) =>
    signVerdict(signFile(...signatures.map((make) => make())), [authority.chain().root]);

  test('is verified if all are good', () => {
    expect(verdict(good, () => authority.signed({}, '-md', 'sha512').der)).toBe('verified');
  });

  test('is refused if one is bad, wherever it stands', () => {
    expect(verdict(good, expired)).toBe('verify/signature');
    expect(verdict(expired, good)).toBe('verify/signature');
    expect(verdict(good, malformed)).toBe('verify/format');
  });

  test('is withheld if one leads to an unknown root and the others are good', () => {
    expect(verdict(good, untrusted)).toBe('verify/untrusted-signer');
    expect(verdict(untrusted, good)).toBe('verify/untrusted-signer');
  });

  test('is refused if one leads to an unknown root and another is bad', () => {
    expect(verdict(untrusted, expired)).toBe('verify/signature');
    expect(verdict(expired, untrusted)).toBe('verify/signature');
    expect(verdict(untrusted, malformed)).toBe('verify/format');
  });
});

function flip(bytes: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]);
}
