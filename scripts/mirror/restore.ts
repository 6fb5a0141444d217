import { explain } from '../base/errors.ts';
import { MANIFEST_BYTES } from '../base/limits/manifest.ts';
import { bytes, type Log } from '../base/log.ts';
import { cdiffName, cvdName, type FileName, isArchived, parseFileName } from '../cvd/names.ts';
import { readText } from '../files/open.ts';
import { proveSignAt } from '../files/sign.ts';
import type { Stage } from '../files/stage.ts';
import { verifyByKind, verifyCvdFile } from '../files/verify.ts';
import type { Copies } from '../store/copies.ts';
import type { FileRecord } from '../store/file-record.ts';
import { MANIFEST, type Store, StoreError } from '../store/store.ts';
import { isMissing } from '../upstream/error.ts';
import type { UpstreamClient } from '../upstream/http-client.ts';
import type { VerifiedCvd } from '../verify/cvd.ts';
import { VerifyError } from '../verify/error.ts';
import type { Trust } from '../verify/trust.ts';
import type { ArchiveCopy } from './archive.ts';
import { describeCvd, type Manifest, parseManifest } from './manifest.ts';
import { publish } from './publish.ts';

export interface RestoreParts {
  /** Asks where the mirror is served. */
  readonly client: Pick<UpstreamClient, 'download' | 'received'>;
  /** The same place, for messages. */
  readonly url: string;
  /** Bytes of the largest file to take. */
  readonly maxSize: number;
  /** It has no manifest. */
  readonly store: Store;
  /** Files that need not be downloaded. */
  readonly copies: Copies;
  readonly stage: Stage;
  readonly trust: Trust;
  readonly log: Log;
}

/**
 * Fills an empty store with the mirror as it is served, every file proven as if it came from a stranger. Of what its
 * manifest says beside that (how it was proven, when it was checked, what is held) nothing can be proven. False if
 * there is none yet: its manifest is answered with 404. Any other trouble throws `store/restore`, or `VerifyError`, so
 * that no emptier mirror takes the place of one that could not be read.
 */
export async function restore(parts: RestoreParts): Promise<boolean> {
  const { store, stage, client, url, log } = parts;
  const manifest = await fetchManifest(parts);
  if (manifest === undefined) {
    log.warn(`${url} serves no mirror yet: this one begins empty`);
    return false;
  }
  const archive: ArchiveCopy[] = [];
  const files: Record<string, FileRecord> = {};
  // what is signed before its `.sign`
  const named = requireKnown(manifest, url).sort((a, b) => rankOf(a.file) - rankOf(b.file));
  for (const { name, file, record } of named) {
    const path = stage.incoming(flat(name));
    await fetchFile(name, path, record, parts);
    const proven = await prove(path, { name, file, record, manifest }, parts);
    if (proven === undefined) continue;
    const { built = manifest.built, ...found } = proven;
    files[name] = found;
    if (!isArchived(file)) await stage.accept({ name, ...found, stored: false });
    else archive.push({ name, path, ...found, database: file.database, version: file.version, built });
  }
  await publish(store, undefined, { stage, archive, next: { ...manifest, files, retired: [] } });
  log.info(`brought back what ${url} serves, ${bytes(client.received)} of it from there`);
  return true;
}

async function fetchManifest({ client, url, stage }: RestoreParts): Promise<Manifest | undefined> {
  const path = stage.incoming(MANIFEST);
  try {
    await client.download(anew(MANIFEST), path, MANIFEST_BYTES);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw trouble(url, error);
  }
  return parseManifest(await readText(path, MANIFEST_BYTES), url);
}

/** With a query that nobody used before: caches on the way may hold an earlier file. */
function anew(name: string): string {
  return `${name}?at=${Date.now()}`;
}

interface Named {
  readonly name: string;
  readonly file: FileName;
  readonly record: FileRecord;
}

/** Every file that the manifest names, if they are ours, and all that it needs. Throws `verify/mismatch`. */
function requireKnown({ files, databases }: Manifest, url: string): Named[] {
  for (const [database, { cdiffs }] of Object.entries(databases)) {
    const { first = 1, last = 0 } = cdiffs ?? {};
    for (let step = first; step <= last; step++) {
      if (files[cdiffName(database, step)] === undefined) throw mismatch(cdiffName(database, step), url);
    }
    if (files[cvdName(database)] === undefined) throw mismatch(cvdName(database), url);
  }
  return Object.entries(files).map(([name, record]) => {
    const file = parseFileName(name);
    if (file === undefined) throw mismatch(JSON.stringify(name), url);
    return { name, file, record };
  });
}

async function fetchFile(
  name: string,
  path: string,
  record: FileRecord,
  { client, url, copies, maxSize }: RestoreParts,
): Promise<void> {
  if (await copies.take(record, path)) return;
  try {
    await client.download(anew(name), path, Math.min(record.size, maxSize));
  } catch (error) {
    throw trouble(url, error);
  }
}

/**
 * What is proven of a file; `undefined` for a `.sign` that is not good any more. Throws `VerifyError`, also if the
 * manifest says something else of the file.
 */
async function prove(
  path: string,
  { name, file, record, manifest }: Named & { manifest: Manifest },
  { trust, stage, url, log }: RestoreParts,
): Promise<(FileRecord & { readonly built?: string }) | undefined> {
  const { database } = file;
  const requireSame = (found: FileRecord) => {
    if (found.sha256 !== record.sha256 || found.size !== record.size) throw mismatch(name, url);
  };
  if (file.kind === 'cdiff') {
    const found = await verifyByKind(path, file, trust);
    requireSame(found);
    return found;
  }
  if (file.kind === 'sign' || file.kind === 'archive-sign') {
    const place = file.kind === 'sign' ? stage.path(file.signs) : stage.incoming(flat(file.signs));
    const signed = { sha256: manifest.files[file.signs]?.sha256 ?? '', path: async () => place };
    try {
      const good = await proveSignAt(path, signed, trust);
      requireSame(good);
      return good;
    } catch (error) {
      if (!(error instanceof VerifyError)) throw error;
      log.warn(`${name} is no longer published: ${explain(error)}`); // its certificates may have expired
      return undefined;
    }
  }
  const { version = manifest.databases[database]?.version ?? 0 } = file;
  const cvd = await verifyCvdFile(path, trust, { database, version });
  requireSame(cvd);
  if (file.kind === 'cvd') requireDescribed(cvd, { name, manifest, url });
  const { size, sha256, built } = describeCvd(cvd);
  return { size, sha256, built };
}

/** What is taken for the published version is what clients get. */
function requireDescribed(
  cvd: VerifiedCvd,
  { name, manifest, url }: { name: string; manifest: Manifest; url: string },
): void {
  const said = new Map<string, unknown>(Object.entries(manifest.databases[cvd.database] ?? {}));
  const isSame = Object.entries(describeCvd(cvd)).every(([key, value]) => said.get(key) === value);
  if (!isSame) throw mismatch(name, url);
}

/** A file of the archive has no folder of its own here. */
function flat(name: string): string {
  return name.replace('/', '-');
}

function rankOf({ kind }: FileName): number {
  return kind === 'sign' || kind === 'archive-sign' ? 1 : 0;
}

function mismatch(name: string, url: string): VerifyError {
  return new VerifyError('verify/mismatch', `${name} of ${url} is not what its manifest says`, {
    advice: ADVICE,
  });
}

function trouble(url: string, cause: unknown): StoreError {
  return new StoreError('store/restore', `cannot bring back what ${url} serves`, { cause, advice: ADVICE });
}

const ADVICE =
  'Nothing was published. Right after a publication it may pass by itself; to begin an empty mirror, leave --restore-from out';
