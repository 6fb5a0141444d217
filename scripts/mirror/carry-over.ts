import { codeOf, explain } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { cvdName, type FileName, isArchived, parseFileName } from '../cvd/names.ts';
import { proveSignAt } from '../files/sign.ts';
import type { Stage } from '../files/stage.ts';
import { verifyByKind } from '../files/verify.ts';
import type { FileRecord } from '../store/file-record.ts';
import type { Store } from '../store/store.ts';
import { VerifyError } from '../verify/error.ts';
import type { Trust } from '../verify/trust.ts';
import { filesOf, type Published } from './published.ts';

export interface CarryContext {
  readonly store: Store;
  readonly published: Published;
  readonly trust: Trust;
  readonly stage: Stage;
  /** How many CDIFFs are kept. */
  readonly window: number;
  readonly log: Log;
}

/**
 * Brings those published files of a database into the stage that will still be served beside `version`, each
 * proven as if it came from a stranger. Throws `VerifyError`, `store/missing` if one is not what it was.
 */
export async function carryOver(database: string, version: number, parts: CarryContext): Promise<void> {
  const published = parts.published.manifest?.databases[database]?.version;
  const files = filesOf(parts.published.manifest, database).flatMap((name) => {
    const file = parseFileName(name);
    if (file === undefined || isArchived(file)) return [];
    return isKept(file, version, published, parts.window) ? [{ name, file }] : [];
  });
  // what is signed before its `.sign`
  files.sort((a, b) => Number(a.file.kind === 'sign') - Number(b.file.kind === 'sign'));
  for (const { name, file } of files) {
    const record = parts.published.manifest?.files[name];
    if (record !== undefined) await carryFile(name, file, record, parts);
  }
}

/** The archive stays where it is. */
type Carried = Exclude<FileName, { kind: 'archive' | 'archive-sign' }>;

function isKept(file: Carried, version: number, published: number | undefined, window: number): boolean {
  if (file.kind === 'cvd') return published === version;
  if (file.kind === 'sign' && file.signs === cvdName(file.database)) return file.version === version;
  return file.version > version - window && file.version <= version;
}

async function carryFile(
  name: string,
  file: Carried,
  record: FileRecord,
  parts: CarryContext,
): Promise<void> {
  const { store, stage, trust, log } = parts;
  if (stage.files.has(name)) return; // upstream has made it anew
  if (file.kind === 'sign' && !stage.files.has(file.signs)) return; // what it signs is not published
  const path = stage.incoming(name);
  const isOther = () =>
    new VerifyError('verify/mismatch', `${name} in ${store.where} is not the file that its manifest names`);
  await store.fetch(name, path, record.size).catch((error) => {
    throw codeOf(error) === 'store/limit' ? isOther() : error; // it has more bytes, which is damage as any other
  });
  const found = await verifyCarried(path, file, stage, trust).catch((error) => {
    if (file.kind !== 'sign' || !(error instanceof VerifyError)) throw error;
    log.warn(`${name} is no longer published: ${explain(error)}`); // its certificates may have expired
  });
  if (found === undefined) return;
  if (found.sha256 !== record.sha256) throw isOther();
  await stage.accept({ name, ...found, stored: true });
}

async function verifyCarried(path: string, file: Carried, stage: Stage, trust: Trust): Promise<FileRecord> {
  if (file.kind === 'sign') {
    const { sha256 = '' } = stage.files.get(file.signs) ?? {};
    const signed = { sha256, path: async () => stage.path(file.signs) };
    return await proveSignAt(path, signed, trust);
  }
  return await verifyByKind(path, file, trust);
}
