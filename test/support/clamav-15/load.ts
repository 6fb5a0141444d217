import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { HEADER_SIZE, parseHeader } from '../../../scripts/cvd/header.ts';
import { DigestSet } from '../../../scripts/verify/sign.ts';
import { clockOf, readCertificates, type Settings } from './settings.ts';
import { judgeSign, type SignVerdict } from './verdict.ts';

/** What decides whether 1.5 loads a database, beside the database. */
export interface LoadOptions {
  /** `FIPSCryptoHashLimits`: legacy signatures do not count. */
  readonly fips: boolean;
  /** The folder of certificates. */
  readonly certificates: string;
  readonly settings: Settings;
}

/**
 * The CVDs that 1.5 does not load, of a database file or a folder of them. A CLD is trusted, as are files that nobody
 * signs; whatever else is wrong with a CVD is found by the real program. Throws `BrokenCertificates`.
 */
export function refusedIn(path: string, options: LoadOptions): string[] {
  readCertificates(options.certificates);
  return cvdsIn(path).filter((cvd) => !loads(cvd, options));
}

/** Whether 1.5 takes this CVD, as far as its `.sign` decides. */
export function loads(cvd: string, options: LoadOptions): boolean {
  const verdict = verdictBeside(cvd, options);
  return verdict === 'good' || (verdict === 'none' && !options.fips);
}

/** The version in a CVD's or CLD's header; `undefined` if there is no such file, or nothing that makes sense. */
export function versionOf(path: string): number | undefined {
  try {
    return parseHeader(readFileSync(path).subarray(0, HEADER_SIZE)).version;
  } catch {
    return undefined;
  }
}

function verdictBeside(cvd: string, { certificates, settings }: LoadOptions): SignVerdict {
  const database = basename(cvd, '.cvd').replace(/-\d+$/, '');
  const sign = join(dirname(cvd), `${database}-${versionOf(cvd)}.cvd.sign`);
  if (!existsSync(sign)) return 'none';
  const digests = new DigestSet().update(readFileSync(cvd)).digests();
  return judgeSign(readFileSync(sign), digests, {
    roots: readCertificates(certificates),
    now: clockOf(settings),
  });
}

function cvdsIn(path: string): string[] {
  if (!existsSync(path)) return [];
  const paths = statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path];
  return paths.filter((file) => file.endsWith('.cvd')).sort();
}
