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
  /** Number of CDIFFs to keep. */
  readonly window: number;
  readonly log: Log;
}

/**
 * Copies to the stage the published files of a database that will still be served beside `version`, each proven as if a
 * stranger had sent it. Throws `VerifyError` or `store/missing` if a file is damaged or gone.
 */
export async function carryOver(database: string, version: number, context: CarryContext): Promise<void> {
  const published = context.published.manifest?.databases[database]?.version;
  const files = filesOf(context.published.manifest, database).flatMap((name) => {
    const file = parseFileName(name);
    if (file === undefined || isArchived(file)) return [];
    return isKept(file, version, published, context.window) ? [{ name, file }] : [];
  });
  // signed files come before their `.sign`
  files.sort((a, b) => Number(a.file.kind === 'sign') - Number(b.file.kind === 'sign'));
  for (const { name, file } of files) {
    const record = context.published.manifest?.files[name];
    if (record !== undefined) await carryFile(name, file, record, context);
  }
}

/** Kinds of files that can be carried over. The archive stays in its place. */
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
  context: CarryContext,
): Promise<void> {
  const { store, stage, trust, log } = context;
  if (stage.files.has(name)) return; // a new file has come from upstream
  if (file.kind === 'sign' && !stage.files.has(file.signs)) return; // the signed file is not published
  const path = stage.incoming(name);
  const isOther = () =>
    new VerifyError('verify/mismatch', `${name} in ${store.where} is not the file that its manifest names`);
  await store.fetch(name, path, record.size).catch((error) => {
    throw codeOf(error) === 'store/limit' ? isOther() : error; // a longer file is damaged too
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
