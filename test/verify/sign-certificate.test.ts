import { describe, expect, test } from 'vitest';
import { codeOf } from '../../scripts/base/errors.ts';
import { parseCertificate } from '../../scripts/verify/cms/certificate.ts';
import { TALOS_ROOT } from '../../scripts/verify/roots.ts';
import { encodeDer, rewrite } from '../support/sign/der.ts';

const NULL = encodeDer(0x05);
const SHA256_RSA = encodeDer(0x30, encodeDer(0x06, Buffer.from('2a864886f70d01010b', 'hex')), NULL);
/** Where things are in Talos' root: paths for `rewrite`. */
const AT = {
  tbs: [0],
  version: [0, 0, 0],
  serial: [0, 1],
  validity: [0, 4],
  notBefore: [0, 4, 0],
  key: [0, 6],
  extensions: [0, 7, 0],
  usage: [0, 7, 0, 0],
  constraints: [0, 7, 0, 1],
  algorithm: [1],
  signature: [2],
} as const;

const within = (element: Buffer) => element.subarray(element[1] === 0x82 ? 4 : 2);
const inside = (element: Buffer) => encodeDer(element[0] ?? 0, within(element), NULL);
const behind = (element: Buffer) => Buffer.concat([element, NULL]);
const octets = (content: Buffer) => () => encodeDer(0x04, content);
const ca = (...parts: Buffer[]) => octets(encodeDer(0x30, encodeDer(0x01, Buffer.from([0xff])), ...parts));

describe("a certificate like Talos' root", () => {
  test('is read', () => {
    expect(parseCertificate(TALOS_ROOT.certificate)).toMatchObject({
      version: 3,
      serial: Buffer.from('0493f2b851c5d5bed1', 'hex'),
      commonName: 'Cisco Software Identity Root CA RSA 4096 SHA512 2099',
      notBefore: new Date('2024-01-24T18:45:25Z'),
      notAfter: new Date('2099-01-24T18:45:25Z'),
      extensions: { ca: true, digitalSignature: false },
    });
  });

  test('may say how many CAs it allows below itself', () => {
    const edited = rewrite(
      TALOS_ROOT.certificate,
      [...AT.constraints, 2],
      ca(encodeDer(0x02, Buffer.from([3]))),
    );
    expect(parseCertificate(edited).extensions.pathLength).toBe(3);
  });

  test.each<[string, readonly number[], (element: Buffer) => Uint8Array]>([
    ['something behind it', [], behind],
    ['a fourth part', [], inside],
    ['something behind its extensions', AT.tbs, inside],
    ['another version', AT.version, () => encodeDer(0x02, Buffer.from([1]))],
    ['two versions', AT.version, behind],
    ['a padded serial number', AT.serial, (serial) => encodeDer(0x02, Buffer.alloc(1), within(serial))],
    ['a third time', AT.validity, inside],
    ['a time that is none', AT.notBefore, () => encodeDer(0x17, Buffer.from('241324184525Z'))],
    ['a key that is none', AT.key, () => encodeDer(0x30)],
    ['two lists of extensions', AT.extensions, behind],
    ['something behind an extension', AT.usage, inside],
    ['something behind the value of an extension', [...AT.usage, 2], inside],
    ['an extension twice', AT.usage, (element) => Buffer.concat([element, element])],
    ['a flag that is neither true nor false', [...AT.usage, 1], () => encodeDer(0x01, Buffer.from([1]))],
    ['constraints with a third part', [...AT.constraints, 2], ca(encodeDer(0x02, Buffer.from([3])), NULL)],
    ['a negative path length', [...AT.constraints, 2], ca(encodeDer(0x02, Buffer.from([0xff])))],
    ['two algorithms for one signature', AT.algorithm, () => SHA256_RSA],
    [
      'a signature of bits',
      AT.signature,
      (bits) => encodeDer(0x03, Buffer.from([1]), within(bits).subarray(1, -1), Buffer.from([0])),
    ],
  ])('is refused with %s', (_, path, edit) => {
    let code: string | undefined;
    try {
      parseCertificate(rewrite(TALOS_ROOT.certificate, path, edit));
    } catch (error) {
      code = codeOf(error) ?? String(error);
    }
    expect(code).toBe('verify/sign-format');
  });
});
