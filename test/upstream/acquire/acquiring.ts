import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../../scripts/base/log.ts';
import { cdiffName, cvdName } from '../../../scripts/cvd/names.ts';
import { Stage } from '../../../scripts/files/stage.ts';
import type { DatabaseRecord } from '../../../scripts/mirror/manifest.ts';
import type { AcquireContext } from '../../../scripts/upstream/acquire/context.ts';
import type { Offer } from '../../../scripts/upstream/acquire/cvd.ts';
import { advertise } from '../../../scripts/upstream/advertise.ts';
import type { Patience } from '../../../scripts/upstream/pace.ts';
import type { Trust } from '../../../scripts/verify/trust.ts';
import { type ChainLink, makeChain } from '../../support/databases/chain.ts';
import { signatureLine } from '../../support/databases/signatures.ts';
import { testTrust } from '../../support/databases/signing.ts';
import { startUpstream, type TestUpstream } from '../../support/mirror/upstream.ts';
import { openClient } from '../support.ts';

/** Versions 1 to `count` of a database, each with one signature more than the one before. */
export function versions(count: number, database = 'test'): ChainLink[] {
  const lines = [...Array(count + 1).keys()].map((id) => signatureLine(0, id));
  const files = lines.slice(1).map((_, at) => {
    return new Map([[`${database}.hdb`, Buffer.from(lines.slice(0, at + 2).join(''))]]);
  });
  return makeChain(database, files);
}

/** What upstream has when the last of these is its newest version: that CVD, and all CDIFFs. */
export function offered(chain: readonly ChainLink[], database = 'test'): Map<string, Buffer> {
  const files = new Map([[cvdName(database), chain.at(-1)?.cvd ?? Buffer.alloc(0)]]);
  for (const { version, cdiff } of chain) if (cdiff) files.set(cdiffName(database, version), cdiff);
  return files;
}

/** What the manifest says of a published version of `test`, and which files the store has. */
export function publishedAs(
  record: Partial<DatabaseRecord> & { version: number },
  names: readonly string[] = [],
): DatabaseRecord & { has(name: string): boolean } {
  const built = '2026-01-01T00:00:00.000Z';
  const rest = { signatures: 1, fLevel: 90, size: 1, sha256: '', cdiffs: null, missingCdiffs: [] };
  return { built, ...rest, ...record, has: (name) => names.includes(name) };
}

export interface Acquiring extends AsyncDisposable {
  readonly upstream: TestUpstream;
  readonly parts: AcquireContext;
  readonly stage: Stage;
  /** A folder that is not the stage. */
  readonly folder: string;
  readonly warnings: readonly string[];
  readonly lines: readonly string[];
  /** Names in the stage, sorted. */
  staged(): string[];
  /** What upstream's CVD of `test` announces. */
  offer(): Promise<Offer>;
}

/** An upstream with these files, and all that it takes to bring them into an empty stage. */
export async function startAcquiring(
  files: ReadonlyMap<string, Uint8Array | string>,
  options: {
    window?: number;
    trust?: Trust;
    limits?: Partial<AcquireContext['limits']>;
    patience?: Partial<Patience>;
  } = {},
): Promise<Acquiring> {
  const folder = await mkdtemp(join(tmpdir(), 'acquire-'));
  const upstream = await startUpstream(files);
  const open = openClient(upstream.url, options.patience && { patience: options.patience });
  const stage = await Stage.create(join(folder, 'run'));
  const [lines, warnings]: string[][] = [[], []];
  const log: Log = { info: (line) => lines?.push(line), warn: (line) => warnings?.push(line), progress() {} };
  const trust = options.trust ?? testTrust();
  const limits = { cvd: 1_000_000, cdiff: 1_000_000, ...options.limits };
  const parts = { client: open.client, trust, stage, limits, window: options.window ?? 30, log };
  return {
    upstream,
    parts,
    stage,
    folder,
    lines: lines ?? [],
    warnings: warnings ?? [],
    staged: () => [...stage.files.keys()].sort(),
    async offer() {
      const advertisement = await advertise('test', undefined, { ...parts, record: undefined });
      if (!advertisement.isNew) throw new Error('upstream offers nothing');
      return advertisement.offer;
    },
    async [Symbol.asyncDispose]() {
      await open[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The names that were asked for without the `.sign` files. */
export function databasesOf(asked: readonly string[]): string[] {
  return asked.filter((name) => !name.endsWith('.sign'));
}
