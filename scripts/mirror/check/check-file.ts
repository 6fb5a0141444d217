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

/** What became of one file that was checked. `waiting` is a `.sign` whose CVD is of another version just now. */
export interface Checked {
  readonly path: string;
  readonly verdict: 'proven' | 'unproven' | 'unreadable' | 'waiting';
  /** The file in a few words: `daily 28001, 2071234 signatures, built …`. */
  readonly what?: string;
  readonly database?: string;
  readonly version?: number;
  readonly sha256?: string;
  readonly reason?: string;
  readonly code?: string;
}

/** The way to check a file: `database` stands in where its name does not say what it must be. */
export interface CheckOptions extends OpenOptions {
  readonly database?: string | undefined;
}

/**
 * Proves one file by what its name says it is. Never throws: a file that cannot be read, or is none, is an answer too.
 */
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

/** Nothing is known of a CLD as a whole: see `CldVerifier`. */
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
  return new VerifyError('verify/unknown-file', 'its name does not say what it should be', {
    advice: 'Give the database it must be with --database, or name it like daily.cvd or daily-28001.cdiff',
  });
}

/** In a mirror, `daily-28001.cvd.sign` signs `daily.cvd`; elsewhere `daily-28001.cvd` may lie beside it. */
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
    return undefined; // the CVD is checked by itself; here it only is not the one that was signed
  }
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}
