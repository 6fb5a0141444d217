import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TALOS_ROOT } from '../../scripts/verify/roots.ts';
import { DigestSet, verifySign } from '../../scripts/verify/sign.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { sampled } from '../support/sample.ts';
import { describeWithSigns, signFolder } from '../support/setup/official.ts';
import { CLOCK, signVerdict } from '../support/sign/authority.ts';

const read = (name: string) => readFileSync(join(signFolder ?? '', name));
const signed = (name: string) => read(name.slice(0, -'.sign'.length));
const testRoots = () => [{ certificate: new X509Certificate(read('clamav-test-root.crt')).raw }];
const names = [1, 2, 3, 4, 5, 6].flatMap((version) => [
  `test-${version}.cvd.sign`,
  ...(version > 1 ? [`test-${version}.cdiff.sign`] : []),
]);

describeWithSigns("Talos' own .sign files", () => {
  test.each(names)('%s is verified under the test root', (name) => {
    const digests = new DigestSet().update(signed(name)).digests();
    const notAfter = new Date('2027-03-26T17:56:32Z');
    expect(verifySign(read(name), digests, { ...TALOS, roots: testRoots(), now: () => CLOCK })).toEqual({
      signatures: [
        {
          minFLevel: 230,
          maxFLevel: undefined,
          signer: 'ClamAV TEST CVD Signing Cert',
          issuer: 'ClamAV TEST Intermediate Signing CA',
          root: 'ClamAV TEST Root CA',
          digest: 'sha256',
          signingTime: expect.any(Date),
          notAfter,
        },
      ],
      fLevels: [{ first: 230, last: undefined }],
      notAfter,
    });
  });

  test.each(names)('%s is withheld under the root of production', (name) => {
    expect(signVerdict(read(name), [TALOS_ROOT], signed(name))).toBe('verify/untrusted-signer');
  });

  test.each(names)('%s is refused for every other file', (name) => {
    for (const other of names.filter((one) => one !== name)) {
      expect(signVerdict(read(name), testRoots(), signed(other))).toBe('verify/signature');
      expect(signVerdict(read(name), [TALOS_ROOT], signed(other))).toBe('verify/untrusted-signer');
    }
  });

  test.each(names)('%s is withheld once the test root has expired, and before it was made', (name) => {
    const at =
      (day: string, file = signed(name)) =>
      () =>
        verifySign(read(name), new DigestSet().update(file).digests(), {
          ...TALOS,
          roots: testRoots(),
          now: () => new Date(day),
        });
    const thrown = (code: string) => expect.objectContaining({ code });
    expect(at('2027-03-26T17:56:32Z')).toThrow(thrown('verify/not-valid-now'));
    expect(at('2025-03-26T17:56:31Z')).toThrow(thrown('verify/not-valid-now'));
    expect(at('2027-03-26T17:56:32Z', Buffer.from('another file'))).toThrow(thrown('verify/signature'));
    expect(at('2027-03-26T17:56:31Z')).not.toThrow();
  });

  test.each(names)('%s is refused for its file with a changed byte', (name) => {
    const file = signed(name);
    for (let at = 0; at < file.length; at += 503) {
      const other = Buffer.from(file);
      other[at] = (other[at] ?? 0) ^ 0x20;
      expect(signVerdict(read(name), testRoots(), other)).toBe('verify/signature');
    }
  });

  test.each(names)(
    '%s is taken for the engines that it claims to be for, which nobody has signed',
    (name) => {
      const claiming = (fLevels: string) =>
        Buffer.from(read(name).toString('latin1').replace('\n230::', `\n${fLevels}:`), 'latin1');
      for (const good of ['231:', '230:999']) {
        expect(signVerdict(claiming(good), testRoots(), signed(name))).toBe('verified');
      }
      expect(signVerdict(claiming('0:'), testRoots(), signed(name))).toBe('verify/unknown-f-level');
    },
  );

  /** The others are of the same form, so an eighth of their bytes, each time from another one on, will do. */
  const WHOLE = ['test-1.cvd.sign', 'test-2.cdiff.sign'];

  /** Which f-levels it is for is all that nothing signs. */
  const UNSIGNED = { from: '#clamsign-1.0\n'.length, to: '#clamsign-1.0\n230:'.length };

  test.each(names)('%s is caught with a single byte changed', (name) => {
    const passed: number[] = [];
    const [sign, file, roots] = [read(name), signed(name), testRoots()];
    const step = WHOLE.includes(name) ? sampled(8, 1) : sampled(64, 8);
    for (let at = names.indexOf(name) % step; at < sign.length; at += step) {
      const changed = Buffer.from(sign);
      const letter = /[A-Za-z]/.test(String.fromCharCode(sign[at] ?? 0));
      changed[at] = (changed[at] ?? 0) ^ (letter && at % 2 === 0 ? 0x20 : 1 << (at & 7));
      if (signVerdict(changed, roots, file) === 'verified') passed.push(at);
    }
    expect(passed.filter((at) => at < UNSIGNED.from || at > UNSIGNED.to)).toEqual([]);
  });
});
