import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { TALOS_ROOT } from '../../scripts/verify/roots.ts';
import { DigestSet, verifySign } from '../../scripts/verify/sign.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { signFile, signVerdict } from '../support/sign/authority.ts';

describe('the root that production trusts', () => {
  test("is Talos', and nothing else", () => {
    expect(TALOS.roots).toEqual([TALOS_ROOT]);
    expect(createHash('sha256').update(TALOS_ROOT.certificate).digest('hex')).toBe(
      '6b3d4e1b5e26318c0bb6a22fb1206d287fa3fb0c5fe34eebbf8613954f8a64a7',
    );
    const root = new X509Certificate(TALOS_ROOT.certificate);
    expect(root.subject).toContain('CN=Cisco Software Identity Root CA RSA 4096 SHA512 2099');
    expect(root.verify(root.publicKey)).toBe(true);
  });

  test('is judged by the clock of the machine', () => {
    const [before, now, after] = [Date.now(), TALOS.now().getTime(), Date.now()];
    expect([before <= now, now <= after]).toEqual([true, true]);
  });
});

describe('a set of digests', () => {
  test('holds the digests of all chunks together', () => {
    const file = Buffer.from('a file in two chunks');
    const digests = new DigestSet().update(file.subarray(0, 7)).update(file.subarray(7)).digests();
    for (const name of ['sha256', 'sha384', 'sha512'] as const) {
      expect(digests[name]).toEqual(createHash(name).update(file).digest());
    }
  });
});

describe('a .sign file that is none', () => {
  test('is refused for its text', () => {
    expect(signVerdict(Buffer.from('<html>'), [TALOS_ROOT])).toBe('verify/sign-format');
  });

  test('is refused for its signature', () => {
    expect(signVerdict(signFile(Buffer.from('not DER')), [TALOS_ROOT])).toBe('verify/sign-format');
  });

  test('says what is wrong and where', () => {
    const digests = new DigestSet().digests();
    expect(() => verifySign(signFile(Buffer.from([0x30, 0x80])), digests, TALOS)).toThrow(/\.sign.*byte 1/);
  });
});
