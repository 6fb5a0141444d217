import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { explain } from '../../base/errors.ts';
import { counted, moment } from '../../base/words.ts';
import { HEADER_SIZE, parseHeader } from '../../cvd/header.ts';
import { cvdName, type FileName, parseCldName, parseFileName } from '../../cvd/names.ts';
import type { OpenOptions } from '../../files/open.ts';
import {
  readStart,
  verifyCdiffFile,
  verifyCldFile,
  verifyCvdFile,
  verifySignFile,
} from '../../files/verify.ts';
import { VerifyError } from '../../verify/error.ts';
import type { Trust } from '../../verify/trust.ts';

/** Result of checking one file. `waiting` means a `.sign` whose CVD has another version at the moment. */
export interface Checked {
  readonly path: string;
  readonly verdict: 'proven' | 'unproven' | 'unreadable' | 'waiting';
  /** Short description, such as `daily 28001, 2071234 signatures, built …`. */
  readonly what?: string;
  readonly database?: string;
  readonly version?: number;
  readonly sha256?: string;
  readonly reason?: string;
  readonly code?: string;
}

/** Options of a check. `database` is used where the name of the file does not tell the database. */
export interface CheckOptions extends OpenOptions {
  readonly database?: string | undefined;
}

/** Proves that one file is what its name says. Never throws: an unreadable or missing file is a result too. */
export async function checkFile(path: string, trust: Trust, options: CheckOptions = {}): Promise<Checked> {
  const name = parseFileName(basename(path));
  try {
    return { path, ...(await prove(path, name, trust, options)) };
  } catch (error) {
    const reason = explain(error);
    if (!(error instanceof VerifyError)) return { path, verdict: 'unreadable', reason };
    return { path, verdict: 'unproven', reason, code: error.code };
  }
}

async function prove(
  path: string,
  name: FileName | undefined,
  trust: Trust,
  options: CheckOptions,
): Promise<Omit<Checked, 'path'>> {
  const { database } = options;
  if (name?.kind === 'sign') return await proveSign(path, name, trust, options);
  if (name?.kind === 'cdiff') {
    const { sha256, empty, version } = await verifyCdiffFile(path, trust, name, options);
    const what = `${name.database} CDIFF to ${version}${empty ? ', empty: clients take the full CVD' : ''}`;
    return { verdict: 'proven', what, database: name.database, version, sha256 };
  }
  if (path.endsWith('.cld')) return await proveCld(path, trust, options);
  const wanted = database ?? name?.database;
  if (wanted === undefined) throw unknownFile();
  const { header, sha256 } = await verifyCvdFile(
    path,
    trust,
    { database: wanted, version: name?.version },
    options,
  );
  const what = `${wanted} ${header.version}, ${counted(header.signatures, 'signature')}, built ${moment(new Date(header.stime * 1000))}`;
  return { verdict: 'proven', what, database: wanted, version: header.version, sha256 };
}

/** Proves the parts of a CLD, which has no signature over the whole: see `CldVerifier`. */
async function proveCld(path: string, trust: Trust, options: CheckOptions): Promise<Omit<Checked, 'path'>> {
  const name = parseCldName(basename(path));
  const wanted = options.database ?? name?.database;
  if (wanted === undefined) throw unknownFile();
  const { header, sha256, leftovers } = await verifyCldFile(
    path,
    trust,
    { database: wanted, version: name?.version },
    options,
  );
  const what = [
    `${wanted} ${header.version}, ${counted(header.signatures, 'signature')}, built ${moment(new Date(header.stime * 1000))}`,
    'a CLD has no signature over the whole: the one of .info and the hashes of the files that it lists are right',
    ...(leftovers > 0 ? [`not proven, for ClamAV does not load it: ${counted(leftovers, 'file')}`] : []),
  ];
  return { verdict: 'proven', what: what.join('; '), database: wanted, version: header.version, sha256 };
}

function unknownFile(): VerifyError {
  return new VerifyError('verify/unknown-file', 'its name does not tell its database', {
    advice:
      'Name its database with --database, or rename the file, for example to daily.cvd or daily-28001.cdiff',
  });
}

/**
 * Proves a `.sign`. In a mirror, `daily-28001.cvd.sign` signs `daily.cvd`; elsewhere `daily-28001.cvd` may lie beside
 * it.
 */
async function proveSign(
  path: string,
  { database, version, signs }: Extract<FileName, { kind: 'sign' }>,
  trust: Trust,
  options: OpenOptions,
): Promise<Omit<Checked, 'path'>> {
  const numbered = path.slice(0, -'.sign'.length);
  const signed = (await exists(numbered)) ? numbered : join(dirname(path), signs);
  if (signs === cvdName(database)) {
    const found = await versionOf(signed, options);
    if (found !== version) {
      const reason = `it signs version ${version}, ${basename(signed)} is ${found ?? 'missing'}`;
      return { verdict: 'waiting', database, version, reason };
    }
  }
  const { sha256, signatures } = await verifySignFile(path, signed, trust, options);
  const what = `signature of ${basename(signed)} by ${signatures.map(({ signer }) => signer).join(', ')}`;
  return { verdict: 'proven', what, database, version, sha256 };
}

async function versionOf(path: string, options: OpenOptions): Promise<number | undefined> {
  try {
    return parseHeader(await readStart(path, HEADER_SIZE, options)).version;
  } catch {
    return undefined; // the CVD has its own check; here it only is not the signed one
  }
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}
