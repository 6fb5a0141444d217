import { afterAll, expect, test } from 'vitest';
import { encodeClamSign } from '../../scripts/cvd/clamsign.ts';
import {
  CA,
  type ChainChange,
  LEAF,
  replaced,
  SignAuthority,
  signFile,
  signVerdict,
} from '../support/sign/authority.ts';
import { rewrite } from '../support/sign/der.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';

const authority = new SignAuthority();
afterAll(() => authority[Symbol.dispose]());

const UNKNOWN = { name: 'A root nobody told us of' };

describeWithOpenssl('a .sign file under a root we do not know', () => {
  test('is withheld, not refused', () => {
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

  test('is refused if that root is embedded and did not sign itself', () => {
    const { root, embedded, leaf } = authority.chain({ root: UNKNOWN });
    const forged = rewrite(root.certificate, [2], (signature) => flip(signature));
    const der = rewrite(authority.sign(leaf, [...embedded, root]), [1, 0, 3], (set) => {
      const at = set.indexOf(root.certificate);
      return Buffer.concat([set.subarray(0, at), forged, set.subarray(at + forged.length)]);
    });
    expect(signVerdict(signFile(der), [])).toBe('verify/signature');
  });

  const more: Record<string, ChainChange> = {
    'its leaf has expired': { leaf: { until: '2026-05-31' } },
    'its intermediate has expired': { ca: { until: '2026-05-31' } },
    'its intermediate is not a CA': {
      ca: { extensions: replaced(CA, 'basicConstraints=critical,CA:FALSE') },
    },
    'its leaf is for servers': { leaf: { extensions: replaced(LEAF, 'extendedKeyUsage=serverAuth') } },
  };
  test.each(Object.entries(more))('is withheld for the root above all if %s', (_, change) => {
    const { der } = authority.signed({ root: UNKNOWN, ...change });
    expect(signVerdict(signFile(der), [authority.chain().root])).toBe('verify/untrusted-signer');
  });

  test('is withheld even if it is for another file: nobody we know has signed that', () => {
    const { der } = authority.signed({ root: UNKNOWN });
    expect(signVerdict(signFile(der), [], Buffer.from('another file'))).toBe('verify/untrusted-signer');
  });

  test('is refused if its intermediate did not sign its leaf', () => {
    const { leaf } = authority.chain({ root: UNKNOWN });
    const { embedded } = authority.chain({ root: UNKNOWN, ca: { key: 'another' } });
    expect(signVerdict(signFile(authority.sign(leaf, embedded)), [])).toBe('verify/signature');
  });

  test('is withheld if it comes without a CA, as Talos made some in March 2025', () => {
    const { leaf } = authority.chain({ root: UNKNOWN });
    expect(signVerdict(signFile(authority.sign(leaf, [])), [])).toBe('verify/untrusted-signer');
  });

  test('is withheld if its leaf signed itself, even as a CA', () => {
    const both = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,digitalSignature,keyCertSign'];
    for (const extensions of [LEAF, both]) {
      const leaf = authority.issue({ name: 'Leaf', extensions });
      expect(signVerdict(signFile(authority.sign(leaf, [])), [])).toBe('verify/untrusted-signer');
    }
  });

  test('is refused if its root has the name of one we know', () => {
    const { der } = authority.signed({ root: { key: 'another' } });
    expect(signVerdict(signFile(der), [authority.chain().root])).toBe('verify/signature');
  });
});

describeWithOpenssl('a .sign file under a root we know', () => {
  const late = { leaf: { until: '2026-05-31' } };
  const other = Buffer.from('another file');

  test('is an offence for another file even after its time', () => {
    const { der, roots } = authority.signed(late);
    expect(signVerdict(signFile(der), roots)).toBe('verify/not-valid-now');
    expect(signVerdict(signFile(der), roots, other)).toBe('verify/signature');
  });

  test('is an offence for another file whatever engines it claims to be for', () => {
    const { der, roots } = authority.signed();
    const sign = encodeClamSign([{ minFLevel: 220, maxFLevel: undefined, signature: der }]);
    expect(signVerdict(sign, roots)).toBe('verify/unknown-f-level');
    expect(signVerdict(sign, roots, other)).toBe('verify/signature');
  });

  test('is withheld for another file if its signer is not fit to sign any', () => {
    const { der, roots } = authority.signed({
      leaf: { extensions: replaced(LEAF, 'extendedKeyUsage=serverAuth') },
    });
    expect(signVerdict(signFile(der), roots, other)).toBe('verify/unfit-signer');
  });

  test('is an offence if a link is forged, even where another certificate is unfit', () => {
    const { leaf } = authority.chain({ leaf: { extensions: replaced(LEAF, 'extendedKeyUsage=serverAuth') } });
    const { root, embedded } = authority.chain({ ca: { key: 'another' } });
    expect(signVerdict(signFile(authority.sign(leaf, embedded)), [root])).toBe('verify/signature');
  });

  test('finds its issuer among several of that name', () => {
    const { root, leaf, embedded } = authority.chain();
    const twin = authority.chain({ ca: { key: 'another' } }).embedded;
    // The twin has no place in the chain; that it comes first must not make the leaf a forgery.
    for (const both of [
      [...twin, ...embedded],
      [...embedded, ...twin],
    ]) {
      expect(signVerdict(signFile(authority.sign(leaf, both)), [root])).toBe('verify/unfit-signer');
    }
  });
});

describeWithOpenssl('a .sign file with several signatures', () => {
  const good = () => authority.signed().der;
  const expired = () => authority.signed({ leaf: { until: '2026-05-31' } }).der;
  const untrusted = () => authority.signed({ root: UNKNOWN }).der;
  const forged = () => authority.signed({ root: { key: 'another' } }).der;
  const malformed = () => Buffer.from([0x30, 0]);
  const verdict = (...signatures: (() => Uint8Array)[]) =>
    signVerdict(signFile(...signatures.map((make) => make())), [authority.chain().root]);

  test('is verified if all are good', () => {
    expect(verdict(good, () => authority.signed({}, '-md', 'sha512').der)).toBe('verified');
  });

  test('is refused if one is an offence, wherever it stands', () => {
    for (const doubt of [good, expired, untrusted, malformed]) {
      expect(verdict(doubt, forged)).toBe('verify/signature');
      expect(verdict(forged, doubt)).toBe('verify/signature');
    }
  });

  test('is withheld if one is doubtful, wherever it stands', () => {
    for (const [doubt, code] of [
      [expired, 'verify/not-valid-now'],
      [untrusted, 'verify/untrusted-signer'],
      [malformed, 'verify/sign-format'],
    ] as const) {
      expect(verdict(good, doubt)).toBe(code);
      expect(verdict(doubt, good)).toBe(code);
    }
  });
});

function flip(bytes: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]);
}
