import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '../../scripts/base/errors.ts';
import { SILENT } from '../../scripts/base/log.ts';
import type { Contents } from '../../scripts/bundle/contents.ts';
import { type ExportReport, exportBundle } from '../../scripts/bundle/export.ts';
import { openImport } from '../../scripts/bundle/import.ts';
import { readBundle } from '../../scripts/bundle/read.ts';
import { writeBundle } from '../../scripts/bundle/write.ts';
import { runCycle } from '../../scripts/cycle/cycle.ts';
import type { CycleReport } from '../../scripts/cycle/report.ts';
import { chunksOf } from '../../scripts/files/open.ts';
import { importSettings } from '../../scripts/settings/commands/bundle.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { TALOS, type Trust } from '../../scripts/verify/trust.ts';
import { openProver, trusting } from '../support/clamav/engines.ts';

/** The side of a gap that has no network. */
export interface OtherSide extends AsyncDisposable {
  readonly folder: string;
  readonly store: string;
  readonly work: string;
  /** Imports bundles in this process; by default, no engine proves anything. */
  take(files: readonly string[], change?: TakeChange): Promise<Taken>;
}

export interface Taken {
  readonly notes: readonly string[];
  /** Of its cycle; `undefined` if there was none. */
  readonly outcome: CycleReport['outcome'] | undefined;
  readonly how: string | undefined;
}

export interface TakeChange {
  readonly flags?: Readonly<Record<string, string>>;
  /** True to prove with the real ClamAV. */
  readonly prove?: boolean;
  readonly trust?: Trust;
}

export async function otherSide(): Promise<OtherSide> {
  const folder = await mkdtemp(join(tmpdir(), 'other-side-'));
  const [store, work] = [join(folder, 'mirror'), join(folder, 'mirror.work')];
  return {
    ...{ folder, store, work },
    async take(files, { flags = {}, prove = false, trust = TALOS } = {}) {
      const { bundles, cycle } = importSettings(files, { flags: { store, work, ...flags }, environment: {} });
      const deps = {
        store: new FolderStore(store),
        openProver: prove ? openProver : async () => trusting,
        ...{ trust, log: SILENT, now: () => new Date() },
      };
      await using opened = await openImport(bundles, deps);
      const { databases: only, mirrored: databases, openUpstream, notes } = opened;
      const report =
        only.length > 0
          ? await runCycle({ ...cycle, databases, only }, { ...deps, openUpstream })
          : undefined;
      const { outcome, databases: { test } = {} } = report ?? {};
      if (outcome === undefined || outcome === 'published' || outcome === 'unchanged') await opened.finish();
      return { notes, outcome, how: test?.how };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Exports what a mirror has. */
export async function exported(
  mirror: { readonly store: string; readonly work: string },
  to: string,
  { since, split }: { readonly since?: string; readonly split?: number } = {},
): Promise<ExportReport> {
  return await exportBundle(
    { to, since, split, work: mirror.work },
    { store: new FolderStore(mirror.store), log: SILENT, now: () => new Date() },
  );
}

export async function hashOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** The code of the error that something ends with; `undefined` if it ends well. */
export async function codeThrown(run: () => Promise<unknown>): Promise<string | undefined> {
  return await run().then(
    () => undefined,
    (error: unknown) => codeOf(error) ?? String(error),
  );
}

/** Writes a bundle anew as somebody may who made up its list of contents. */
export async function changeContents(path: string, change: (contents: Contents) => Contents): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bundle-'));
  try {
    const { contents, files } = await readBundle({ name: path, paths: [path] }, folder);
    const chunks: Uint8Array[] = [];
    await writeBundle(
      change(contents),
      ({ name }) => chunksOf(files.get(name) ?? ''),
      async (chunk) => void chunks.push(chunk),
    );
    await writeFile(path, Buffer.concat(chunks));
  } finally {
    await rm(folder, { recursive: true });
  }
}
