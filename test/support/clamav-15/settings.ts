import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrustedRoot } from '../../../scripts/verify/roots.ts';

/** The version that the stand-in says it has. */
export const VERSION = '1.5.3';
/** The f-level that it counts as: above `FIRST_SIGN_FLEVEL`, as that of ClamAV 1.5.3 is. */
export const F_LEVEL = 233;
/** The file beside the three programs that says how they are set. */
export const SETTINGS_FILE = 'stand-in.json';

/** How a stand-in is set: written when it is made, read whenever one of its programs starts. */
export interface Settings {
  /** Paths of the real programs. */
  readonly real: Readonly<Record<'freshclam' | 'clamscan' | 'clamd', string>>;
  readonly realFLevel: number;
  /** The folder of certificates that 1.5 would have been built with. */
  readonly certificates: string;
  /** A file with an ISO time by which certificates are judged; `undefined`: the clock of this machine. */
  readonly clock: string | undefined;
}

export function readSettings(file: string): Settings {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** Now, for certificates. */
export function clockOf({ clock }: Settings): () => Date {
  return () =>
    clock === undefined || !existsSync(clock) ? new Date() : new Date(readFileSync(clock, 'utf8').trim());
}

/** Thrown for a folder of certificates with which no tool of 1.5 works. */
export class BrokenCertificates extends Error {}

/** The certificates of a folder. Throws `BrokenCertificates` if two have the same name, as 1.5 refuses them. */
export function readCertificates(folder: string): TrustedRoot[] {
  const names = existsSync(folder)
    ? readdirSync(folder).filter((name) => /\.(?:crt|pem|cer)$/.test(name))
    : [];
  const certificates = names.sort().map((name) => new X509Certificate(readFileSync(join(folder, name))));
  const subjects = new Set(certificates.map(({ subject }) => subject));
  if (subjects.size < certificates.length) {
    throw new BrokenCertificates(`${folder} holds two certificates with the same name`);
  }
  return certificates.map(({ raw }) => ({ certificate: raw }));
}
