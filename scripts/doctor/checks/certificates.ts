import { X509Certificate } from 'node:crypto';
import { explain } from '../../base/errors.ts';
import { CERTIFICATES_BYTES } from '../../base/limits/doctor.ts';
import { readText } from '../../files/open.ts';
import type { DoctorContext } from '../context.ts';
import { bad, good, type Seen, skipped } from '../finding.ts';

/** Files with certificates that the environment names hold some: Node passes over one that it cannot read. */
export async function checkCertificates({ settings }: Pick<DoctorContext, 'settings'>): Promise<Seen> {
  const files = Object.entries(settings.certificates);
  if (files.length === 0) return skipped("none but Node's own are named");
  const told: string[] = [];
  for (const [name, path] of files) {
    try {
      const found = (await readText(path, CERTIFICATES_BYTES, { follow: true })).match(PEM) ?? [];
      for (const one of found) new X509Certificate(one);
      if (found.length === 0) throw new Error('it holds none');
      told.push(`${name} ${path} has ${found.length}`);
    } catch (error) {
      return bad(
        `${name} names ${path}, of which no certificates can be read: ${explain(error)}`,
        `Look at it: openssl x509 -in '${path}' -noout -subject; or unset ${name}`,
      );
    }
  }
  return good(told.join(', '));
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
