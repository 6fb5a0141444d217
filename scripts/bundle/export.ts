import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { VERSION } from '../base/version.ts';
import { cvdName } from '../cvd/names.ts';
import { openWorkspace } from '../cycle/workspace.ts';
import { chunksOf } from '../files/open.ts';
import { freshnessOf } from '../mirror/freshness.ts';
import { encodeManifest, type Manifest } from '../mirror/manifest.ts';
import { filesOf, readPublished } from '../mirror/published.ts';
import { MANIFEST, type Store } from '../store/store.ts';
import { PROBE_SIZE } from '../upstream/http-client.ts';
import type { Contents, ContentsFile } from './contents.ts';
import { BundleError } from './error.ts';
import { type Known, knownFiles, knownSince, leadsOn, NOTHING } from './known.ts';
import { readExported, writeExported } from './note.ts';
import { openPieces } from './pieces.ts';
import type { ExportSettings } from './settings.ts';
import { sha256, writeBundle } from './write.ts';

/** What one export wrote. */
export interface ExportReport {
  /** Paths of the files, in their order. */
  readonly files: readonly string[];
  /** Bytes of all of them. */
  readonly bytes: number;
  /** Bytes of the CDIFFs in it, and of whole CVDs. */
  readonly of: { readonly cdiffs: number; readonly cvds: number };
  readonly number: number;
  /** Versions to which the bundle leads, and those from which; `null`: from nothing. */
  readonly databases: Readonly<Record<string, { readonly from: number | null; readonly to: number }>>;
}

/**
 * Writes what the other side of a gap lacks: CDIFFs, `.sign` files and headers, and whole CVDs where CDIFFs lead nowhere. It
 * goes on where the last export ended, unless `--since` says otherwise; then it stands alone and is not remembered. The
 * note moves last, so an export that is killed is made again, with the same bytes. Throws `BundleError`.
 */
export async function exportBundle(
  { to, since, split, work }: ExportSettings,
  { store, log, now }: { readonly store: Store; readonly log: Log; readonly now: () => Date },
): Promise<ExportReport> {
  await using workspace = await openWorkspace(work, log);
  const manifest = await wholeMirror(store);
  const last = since === undefined ? await readExported(work) : undefined;
  const known =
    since !== undefined
      ? await knownSince(since, { store, manifest, now: now() })
      : last === undefined
        ? NOTHING
        : knownFiles(last.versions, last.files);
  const contents: Omit<Contents, 'format'> = {
    generator: `clamav-mirror/${VERSION}`,
    mirror: last?.mirror ?? sha256(Buffer.from(store.where)).slice(0, 8),
    number: since === undefined ? (last?.number ?? 0) + 1 : 0,
    follows: last?.sum ?? null,
    checked: manifest.checked,
    databases: await headersOf(manifest, store),
    files: [manifestFile(manifest), ...lacking(manifest, known)],
  };
  const copy = join(workspace.folder, 'file');
  async function* open({ name, size }: ContentsFile): AsyncGenerator<Buffer> {
    if (name === MANIFEST) return yield Buffer.from(encodeManifest(manifest));
    log.progress(`exporting ${name}`);
    await store.fetch(name, copy, size);
    yield* chunksOf(copy);
    await rm(copy);
  }
  await using pieces = openPieces(to, split);
  let bytes = 0;
  const sum = await writeBundle(contents, open, async (chunk) => {
    bytes += chunk.length;
    await pieces.write(chunk);
  });
  const files = await pieces.finish();
  const { mirror, number } = contents;
  if (since === undefined) await writeExported(work, { mirror, number, sum, ...everythingOf(manifest) });
  return { files, bytes, number, of: sizesOf(contents.files), databases: steps(manifest, known) };
}

async function wholeMirror(store: Store): Promise<Manifest> {
  const { manifest, damaged } = await readPublished(store);
  if (manifest === undefined)
    throw new BundleError('bundle/nothing', `nothing was ever published in ${store.where}`, {
      advice: 'Sync first',
    });
  if (damaged.length > 0)
    throw new BundleError('bundle/nothing', `${store.where}: ${damaged.join(', ')} is damaged`, {
      advice: 'A sync takes it anew; export after that',
    });
  return manifest;
}

async function headersOf(manifest: Manifest, store: Store): Promise<Contents['databases']> {
  const all = freshnessOf(manifest).map(async ({ database, version, checked }) => {
    const start = await store.readStart(cvdName(database), PROBE_SIZE);
    return [database, { version, header: start.toString('base64'), checked }] as const;
  });
  return Object.fromEntries(await Promise.all(all));
}

function manifestFile(manifest: Manifest): ContentsFile {
  const text = Buffer.from(encodeManifest(manifest));
  return { name: MANIFEST, size: text.length, sha256: sha256(text) };
}

/** Files that the other side lacks, small ones first. */
function lacking(manifest: Manifest, known: Known): ContentsFile[] {
  return Object.keys(manifest.databases)
    .flatMap((database) => {
      const withoutCvd = leadsOn(database, known, manifest) ? cvdName(database) : undefined;
      return filesOf(manifest, database).filter((name) => name !== withoutCvd);
    })
    .flatMap((name) => {
      const { size, sha256 } = manifest.files[name] ?? {};
      return size === undefined || sha256 === undefined || known.has(name, sha256)
        ? []
        : [{ name, size, sha256 }];
    })
    .sort((one, other) => one.size - other.size || one.name.localeCompare(other.name));
}

function everythingOf(manifest: Manifest) {
  const { databases, files } = manifest;
  return {
    versions: Object.fromEntries(Object.entries(databases).map(([name, { version }]) => [name, version])),
    files: Object.fromEntries(Object.entries(files).map(([name, { sha256 }]) => [name, sha256])),
  };
}

function steps(manifest: Manifest, known: Known): ExportReport['databases'] {
  const all = Object.entries(manifest.databases);
  return Object.fromEntries(
    all.map(([name, { version }]) => [name, { from: known.versions[name] ?? null, to: version }]),
  );
}

function sizesOf(files: readonly ContentsFile[]): ExportReport['of'] {
  const sum = (ending: string) =>
    files.filter(({ name }) => name.endsWith(ending)).reduce((total, { size }) => total + size, 0);
  return { cdiffs: sum('.cdiff'), cvds: sum('.cvd') };
}
