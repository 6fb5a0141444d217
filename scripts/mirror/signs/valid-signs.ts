import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SIGN_BYTES } from '../../base/limits/databases.ts';
import type { Log } from '../../base/log.ts';
import { cvdSignName, type FileName, parseFileName } from '../../cvd/names.ts';
import { type GoodSign, proveSign, SIGN_MARGIN_MS } from '../../files/sign.ts';
import { isDamage } from '../../store/damage.ts';
import type { FileRecord } from '../../store/file-record.ts';
import type { Store } from '../../store/store.ts';
import type { Trust } from '../../verify/trust.ts';
import type { DatabaseRecord, Manifest, SignRecord } from '../manifest.ts';
import { isListed, type Published } from '../published.ts';
import { type SignState, signRecord } from './sign-record.ts';

interface SignContext {
  readonly store: Store;
  readonly trust: Trust;
  /** Folder for files fetched from the store. It is created and removed here. */
  readonly folder: string;
  readonly log: Log;
}

/** Published state with only those `.sign` files that are good now. */
export interface ValidlySigned {
  readonly published: Published;
  /** Names of bad `.sign` files: the next manifest retires them. */
  readonly gone: readonly string[];
}

/**
 * Checks every published `.sign` by clock and roots. A bad one harms all clients of ClamAV ≥ 1.5, a missing one only
 * those with FIPS limits (clamav-formats.md §8), so the manifest drops a bad one. The `.sign` of a CVD is proven again
 * in each cycle. The `.sign` of a CDIFF, which nobody needs, was proven when it came, and only its end is checked.
 */
export async function withValidSigns(published: Published, context: SignContext): Promise<ValidlySigned> {
  const { manifest } = published;
  if (manifest === undefined) return { published, gone: [] };
  await mkdir(context.folder, { recursive: true });
  try {
    const files: Record<string, FileRecord> = { ...manifest.files };
    const gone = new Map<string, string>();
    for (const [name, record] of Object.entries(manifest.files)) {
      const file = parseFileName(name);
      if (file?.kind !== 'sign') continue;
      const verdict = await checkSign(name, file, record, published, context);
      if (typeof verdict !== 'string') files[name] = verdict;
      else {
        delete files[name];
        gone.set(name, verdict);
        context.log.warn(`${name} is no longer published: ${verdict}`);
      }
    }
    return {
      published: amended(published, manifest, { files, gone, now: context.trust.now() }),
      gone: [...gone.keys()],
    };
  } finally {
    await rm(context.folder, { recursive: true, force: true });
  }
}

/** Record of the file, or the reason why it is not good. */
async function checkSign(
  name: string,
  file: Extract<FileName, { kind: 'sign' }>,
  record: FileRecord,
  published: Published,
  { store, trust, folder }: SignContext,
): Promise<FileRecord | string> {
  const { manifest } = published;
  if (!isListed(name, record, published) || record.size > SIGN_BYTES) return 'it is no longer in the store';
  const isOfCvd = name === cvdSignName(file.database, file.version);
  if (!isOfCvd && record.notAfter !== undefined) {
    const left = Date.parse(record.notAfter) - trust.now().getTime();
    return left < SIGN_MARGIN_MS ? `it ends at ${record.notAfter}` : record;
  }
  const signed = manifest?.files[file.signs];
  if (signed === undefined) return `${file.signs} is not published`;
  const fetched = async (wanted: string) => {
    const path = join(folder, wanted);
    await store.fetch(wanted, path, manifest?.files[wanted]?.size);
    return path;
  };
  try {
    const bytes = await readFile(await fetched(name));
    const { notAfter, sha256, size }: GoodSign = await proveSign(
      bytes,
      { sha256: signed.sha256, path: async () => await fetched(file.signs) },
      trust,
    );
    return sha256 === record.sha256
      ? { size, sha256, notAfter }
      : 'it is not the file that the manifest names';
  } catch (error) {
    if (!isDamage(error)) throw error;
    return error.message;
  }
}

function amended(
  published: Published,
  manifest: Manifest,
  change: { files: Manifest['files']; gone: ReadonlyMap<string, string>; now: Date },
): Published {
  const { files, gone, now } = change;
  const databases: Record<string, DatabaseRecord> = {};
  for (const [database, record] of Object.entries(manifest.databases)) {
    const name = cvdSignName(database, record.version);
    const outcome = stateOf(record.sign, files[name]?.notAfter, gone.get(name));
    const asked = record.sign?.asked ?? manifest.checked;
    databases[database] = {
      ...record,
      sign: signRecord(record.sign, outcome, { now: now.toISOString(), asked }),
    };
  }
  const retired = [...new Set([...manifest.retired, ...gone.keys()])];
  const whole = Object.entries(databases).filter(([database]) => published.databases.has(database));
  return { ...published, manifest: { ...manifest, databases, files, retired }, databases: new Map(whole) };
}

function stateOf(
  before: SignRecord | undefined,
  notAfter: string | undefined,
  gone: string | undefined,
): SignState {
  if (notAfter !== undefined) return { state: 'published', notAfter, etag: before?.etag };
  if (gone !== undefined) return { state: 'withheld', reason: gone };
  if (before?.state !== 'withheld') return { state: 'missing' };
  return { state: 'withheld', reason: before.reason ?? 'it was not good', etag: before.etag };
}
