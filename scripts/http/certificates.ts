import { X509Certificate } from 'node:crypto';
import { explain } from '../base/errors.ts';

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Certificates in the bytes of a file, in PEM. Throws an error in words about that file. */
export function certificatesIn(bytes: Buffer): string[] {
  const text = bytes.toString('latin1');
  if (text.trim() === '') throw new Error('it is empty');
  const pems = text.match(PEM) ?? [];
  if (pems.length === 0)
    throw new Error(`it holds no certificate in PEM${isDer(bytes) ? ', but one in DER' : ''}`);
  for (const [at, pem] of pems.entries()) {
    try {
      new X509Certificate(pem);
    } catch (cause) {
      throw new Error(`number ${at + 1} in it is not a certificate: ${explain(cause)}`, { cause });
    }
  }
  return pems;
}

function isDer(bytes: Buffer): boolean {
  try {
    return new X509Certificate(bytes).subject !== '';
  } catch {
    return false;
  }
}
