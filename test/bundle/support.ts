import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '../../scripts/base/errors.ts';
import { SILENT } from '../../scripts/base/log.ts';
import { type ExportReport, exportBundle } from '../../scripts/bundle/export.ts';
import { openImport } from '../../scripts/bundle/import.ts';
import { runCycle } from '../../scripts/cycle/cycle.ts';
import type { CycleReport } from '../../scripts/cycle/report.ts';
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
  readonly reports: readonly CycleReport[];
  /** Of the last cycle; `undefined` if there was none. */
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
      const { legs, mirrored: databases, notes } = opened;
      const reports: CycleReport[] = [];
      for (const { databases: only, openUpstream } of legs)
        reports.push(await runCycle({ ...cycle, databases, only }, { ...deps, openUpstream }));
      if (reports.every(({ outcome }) => outcome === 'published' || outcome === 'unchanged'))
        await opened.finish();
      return { notes, reports, outcome: reports.at(-1)?.outcome, how: reports.at(-1)?.databases.test?.how };
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
