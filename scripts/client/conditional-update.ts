import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Log } from '../base/log.ts';
import { cvdSignName } from '../cvd/names.ts';
import type { Engine } from '../engine/engine.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { shutOut, signProblemOf } from '../mirror/signs/sign-problem.ts';
import { listed } from '../probe/finding.ts';
import type { Trust } from '../verify/trust.ts';
import { ClientError } from './error.ts';
import type { ClientFolder } from './folder.ts';
import { DATABASES, runFreshclam } from './freshclam.ts';
import { holdingsIn } from './holdings.ts';
import { plant, remove } from './install.ts';
import type { ClientSettings } from './settings.ts';
import { type Signed, withSigns } from './signs.ts';

/** Everything that an update works with. */
export interface UpdateContext {
  readonly engine: Engine;
  readonly trust: Trust;
  readonly log: Log;
  readonly now: () => Date;
  /** Most runs of freshclam, and the pause in milliseconds before each run after the first. */
  readonly patience: { readonly attempts: number; readonly wait: number };
}

/** Databases that a client needs, and the mirror's manifest. */
export interface Wanted {
  readonly databases: readonly string[];
  readonly manifest: Manifest | undefined;
}

/** Name of the folder that freshclam works on, in the client's private corner; its databases are in `db`. */
export const UPDATE = 'update';

/**
 * Lets freshclam update a copy of what is proven, until it has everything that the mirror has. `deadline` is a time of
 * `performance.now()`. Throws `client/not-updated`, `client/no-sign`, `engine/broken`.
 */
export async function update(
  { work, proven }: ClientFolder,
  { databases, manifest }: Wanted,
  { into, url, proxies, record, fips }: ClientSettings,
  { engine, trust, log, now, patience }: UpdateContext,
  deadline: number,
): Promise<ReadonlyMap<string, Signed>> {
  const folder = join(work, UPDATE);
  const db = join(folder, DATABASES);
  await mkdir(db, { recursive: true });
  await plant(proven, databases, into, db);
  for (let left = patience.attempts - 1; ; left--) {
    const rest = Math.max(1, Math.ceil(deadline - performance.now()));
    const task = { url, databases, record, proxies, fips, timeout: rest };
    const { went, said } = await runFreshclam(engine, folder, task);
    const holdings = await withSigns(db, await holdingsIn(db, databases), trust, (file, error) =>
      log.warn(`${file} of the mirror is not used: ${error.message}`),
    );
    const lacks = databases.flatMap((database) => lackOf(database, holdings, manifest, fips) ?? []);
    if (lacks.length === 0) return holdings;
    const what = `the client ${lacks.map(({ text }) => text).join(', ')} (${said})`;
    if (fips) requireSigns(what, lacks, manifest, now());
    if (left <= 0 || performance.now() + patience.wait > deadline) throw notUpdated(what, lacks);
    log.warn(`${what}: trying again`);
    // freshclam that is one version behind and gets no CDIFF reports success and stays behind (clamav-formats.md §6)
    if (went) for (const { database, kind } of lacks) if (kind === 'behind') await remove(db, database);
    await wait(patience.wait);
  }
}

/** Something that a client lacks: every version, the newest one, or only the `.sign` of its CVD. */
interface Lack {
  readonly kind: 'none' | 'behind' | 'sign';
  readonly database: string;
  readonly text: string;
}

function lackOf(
  database: string,
  holdings: ReadonlyMap<string, Signed>,
  manifest: Manifest | undefined,
  fips: boolean,
): Lack | undefined {
  const has = holdings.get(database);
  if (has === undefined) return { kind: 'none', database, text: `has no ${database}` };
  const { file, sign, header } = has;
  const wanted = manifest?.databases[database]?.version ?? 0;
  if (header.version < wanted) {
    const text = `has version ${header.version} of ${database}, not ${wanted}`;
    return { kind: 'behind', database, text };
  }
  if (!fips || file.endsWith('.cld') || sign !== undefined) return undefined;
  return { kind: 'sign', database, text: `has no good ${cvdSignName(database, header.version)}` };
}

/**
 * Gives up at once if the mirror itself says that it has no `.sign`, which a client with FIPS limits needs. A database that
 * is behind is left out: CDIFFs may still update it, and they need none. Throws `client/no-sign`.
 */
function requireSigns(what: string, lacks: readonly Lack[], manifest: Manifest | undefined, now: Date): void {
  const why = lacks.flatMap(({ kind, database }) => {
    if (kind === 'behind') return [];
    const record = manifest?.databases[database];
    const trouble = record === undefined ? undefined : signProblemOf(database, record, now);
    return trouble === undefined || trouble.since > now.getTime() ? [] : [trouble.what];
  });
  if (why.length > 0) throw noSign(`${what}: ${why.join('; ')}`);
}

function notUpdated(what: string, lacks: readonly Lack[]): ClientError {
  const unsigned = lacks.flatMap(({ kind, database }) => (kind === 'sign' ? [database] : []));
  if (unsigned.length > 0) return noSign(`${what}; ${shutOut(listed(unsigned))}`);
  return new ClientError('client/not-updated', what, {
    advice: 'Run clamav-mirror probe against the mirror: it shows what breaks clients',
  });
}

function noSign(what: string): ClientError {
  return new ClientError('client/no-sign', what, {
    advice:
      'Wait until the mirror has it: clamav-mirror status shows when. clamav-mirror probe checks whether it is good. Until then, leave out --fips',
  });
}
