import { codeOf, explain } from '../base/errors.ts';
import { MANIFEST_BYTES } from '../base/limits/manifest.ts';
import { HISTORY_BYTES } from '../base/limits/page.ts';
import { bytes, type Log } from '../base/log.ts';
import { cdiffName, cvdName, type FileName, isArchived, parseFileName } from '../cvd/names.ts';
import { readText } from '../files/open.ts';
import { proveSignAt } from '../files/sign.ts';
import type { Stage } from '../files/stage.ts';
import { verifyByKind, verifyCvdFile } from '../files/verify.ts';
import { hashOf } from '../proof/clients/staged.ts';
import type { Copies } from '../store/copies.ts';
import type { FileRecord } from '../store/file-record.ts';
import { MANIFEST, type Store, StoreError } from '../store/store.ts';
import { isMissing } from '../upstream/error.ts';
import type { UpstreamClient } from '../upstream/http-client.ts';
import type { VerifiedCvd } from '../verify/cvd.ts';
import { VerifyError } from '../verify/error.ts';
import type { Trust } from '../verify/trust.ts';
import type { ArchiveCopy } from './archive.ts';
import type { Extras } from './extras.ts';
import { describeCvd, type Manifest, parseManifest } from './manifest.ts';
import { HISTORY_JSON, JSON_MARK } from './pages.ts';
import { type ProvenFile, publish } from './publish.ts';

export interface RestoreOptions {
  /** Client that asks the served mirror. */
  readonly client: Pick<UpstreamClient, 'download' | 'received'>;
  /** URL of the served mirror, for messages. */
  readonly url: string;
  /** Bytes of the largest file to download. */
  readonly maxSize: number;
  /** Store to fill. It has no manifest yet. */
  readonly store: Store;
  /** Copies of files that need no download. */
  readonly copies: Copies;
  readonly stage: Stage;
  readonly trust: Trust;
  readonly log: Log;
}

/**
 * Fills an empty store with the mirror as it is served, every file proven as if a stranger had sent it. Other
 * statements of its manifest, such as proof, check times and pins, cannot be proven. Returns `false` if no mirror is
 * served yet, that is, if the manifest is answered with 404. Any other problem throws `store/restore` or `VerifyError`:
 * an unreadable mirror must not be replaced by an emptier one.
 */
export async function restore(options: RestoreOptions): Promise<boolean> {
  const { store, stage, client, url, log } = options;
  const manifest = await fetchManifest(options);
  if (manifest === undefined) {
    log.warn(`${url} serves no mirror yet: starting with an empty store`);
    return false;
  }
  const archive: ArchiveCopy[] = [];
  const files: Record<string, FileRecord> = {};
  // signed files come before their `.sign`
  const named = requireKnown(manifest, url).sort((a, b) => rankOf(a.file) - rankOf(b.file));
  for (const { name, file, record } of named) {
    const path = stage.incoming(flat(name));
    await fetchFile(name, path, record, options);
    const proven = await prove(path, { name, file, record, manifest }, options);
    if (proven === undefined) continue;
    const { built = manifest.built, ...found } = proven;
    files[name] = found;
    if (!isArchived(file)) await stage.accept({ name, ...found, stored: false });
    else archive.push({ name, path, ...found, database: file.database, version: file.version, built });
  }
  const { extras, sends } = await fetchExtras(manifest, options);
  const face = await fetchHistory(options);
  const next = { ...manifest, files, retired: [], ...(extras && { extras }) };
  await publish(store, undefined, { stage, archive, extras: sends, next, face });
  log.info(`restored the mirror from ${url}, downloading ${bytes(client.received)}`);
  return true;
}

async function fetchManifest({ client, url, stage }: RestoreOptions): Promise<Manifest | undefined> {
  const path = stage.incoming(MANIFEST);
  try {
    await client.download(uncached(MANIFEST), path, MANIFEST_BYTES);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw restoreError(url, error);
  }
  return parseManifest(await readText(path, MANIFEST_BYTES), url);
}

/**
 * Fetches extras, which nobody signed: the next cycle proves them anew. One that is not what the manifest says is left out, for its
 * source has it, and the allow list is made of its entries.
 */
async function fetchExtras(
  { extras }: Manifest,
  options: RestoreOptions,
): Promise<{ extras: Extras | undefined; sends: readonly ProvenFile[] }> {
  if (extras === undefined) return { extras, sends: [] };
  const sends: ProvenFile[] = [];
  for (const [name, record] of Object.entries(extras.files)) {
    const path = options.stage.incoming(name);
    try {
      await fetchFile(name, path, record, options);
      if ((await hashOf(path)) === record.sha256) sends.push({ name, path, sha256: record.sha256 });
      else options.log.warn(`${name} of ${options.url} is not what its manifest says, and is left out`);
    } catch (error) {
      if (codeOf(error) !== 'store/restore') throw error;
      options.log.warn(`${name} is left out: ${explain(error)}`);
    }
  }
  const isSent = (name: string) => sends.some((one) => one.name === name);
  const files = Object.fromEntries(Object.entries(extras.files).filter(([name]) => isSent(name)));
  const { proof: _, ...rest } = extras;
  return { extras: { ...rest, files, retired: [] }, sends };
}

/** What the mirror's page tells of earlier cycles. It decides nothing, and a mirror may have none. */
async function fetchHistory({ client, stage }: RestoreOptions): Promise<ReadonlyMap<string, string>> {
  const path = stage.incoming(HISTORY_JSON);
  try {
    await client.download(uncached(HISTORY_JSON), path, HISTORY_BYTES);
    const text = await readText(path, HISTORY_BYTES);
    return new Map(text.includes(JSON_MARK) ? [[HISTORY_JSON, text]] : []);
  } catch {
    return new Map();
  }
}

/** Name with a query that nobody used before: caches on the way may hold an earlier file. */
function uncached(name: string): string {
  return `${name}?at=${Date.now()}`;
}

interface Named {
  readonly name: string;
  readonly file: FileName;
  readonly record: FileRecord;
}

/**
 * All files of the manifest. Requires that they are files of ours, and that every CVD and CDIFF of the databases is
 * among them. Throws `verify/mismatch`.
 */
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
  { client, url, copies, maxSize }: RestoreOptions,
): Promise<void> {
  if (await copies.take(record, path)) return;
  try {
    await client.download(uncached(name), path, Math.min(record.size, maxSize));
  } catch (error) {
    throw restoreError(url, error);
  }
}

/**
 * Proves one file; `undefined` for a `.sign` that is no longer good. Throws `VerifyError`, also if the manifest
 * describes another file.
 */
async function prove(
  path: string,
  { name, file, record, manifest }: Named & { manifest: Manifest },
  { trust, stage, url, log }: RestoreOptions,
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

/** Requires that the record of a database describes its CVD: clients get this version. */
function requireDescribed(
  cvd: VerifiedCvd,
  { name, manifest, url }: { name: string; manifest: Manifest; url: string },
): void {
  const said = new Map<string, unknown>(Object.entries(manifest.databases[cvd.database] ?? {}));
  const isSame = Object.entries(describeCvd(cvd)).every(([key, value]) => said.get(key) === value);
  if (!isSame) throw mismatch(name, url);
}

/** Flat name for a file, because the archive has no folder of its own here. */
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

function restoreError(url: string, cause: unknown): StoreError {
  return new StoreError('store/restore', `cannot restore the mirror from ${url}`, { cause, advice: ADVICE });
}

const ADVICE =
  'Nothing was published. Right after a publication, wait a minute and try again. To start with an empty mirror instead, leave out --restore-from';
