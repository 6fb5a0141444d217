import { rename } from 'node:fs/promises';
import { codeOf, MirrorError } from '../base/errors.ts';
import { SIGN_BYTES } from '../base/limits/databases.ts';
import { archiveName, archiveSignName, cvdName, cvdSignName } from '../cvd/names.ts';
import { proveSign } from '../files/sign.ts';
import { Stage } from '../files/stage.ts';
import { readStart, verifyCvdFile } from '../files/verify.ts';
import { archivedVersions } from '../mirror/archive.ts';
import { type CarryContext, carryOver } from '../mirror/carry-over.ts';
import { type DatabaseRecord, describeCvd, type Manifest, parseManifest } from '../mirror/manifest.ts';
import { publish } from '../mirror/publish.ts';
import { type Published, readPublished, requireUnderstood } from '../mirror/published.ts';
import { fetchArchivedSign } from '../mirror/signs/published-sign.ts';
import { type SignState, signRecord } from '../mirror/signs/sign-record.ts';
import type { Proof } from '../proof/record.ts';
import type { Store } from '../store/store.ts';
import { VerifyError } from '../verify/error.ts';
import { stagedAsPublished } from './acquire/acquire.ts';
import type { CycleDeps, StagedMirror } from './context.ts';
import type { Update } from './database.ts';
import { openFaceBeside } from './face/cycle-face.ts';
import { openMirror } from './open-mirror.ts';
import { Progress } from './progress.ts';
import { proveStage } from './prove.ts';
import { publishStage, type Send } from './publish.ts';
import type { CycleSettings } from './settings.ts';
import { openWorkspace } from './workspace.ts';

export class RollbackError extends MirrorError<'rollback/database' | 'rollback/version' | 'rollback/held'> {}

export interface RolledBack {
  readonly database: string;
  readonly from: number;
  readonly to: number;
  readonly proof: Proof;
}

/**
 * Publishes an earlier CVD from the archive again, proven anew beside the other databases, and holds the database there
 * until it is released. Clients that have moved on stay ahead: freshclam takes nothing older than it has.
 * Throws; then nothing has changed.
 */
export async function rollBack(
  settings: CycleSettings,
  wanted: { readonly database: string; readonly to: number; readonly reason: string },
  deps: CycleDeps,
): Promise<RolledBack> {
  const { database, to, reason } = wanted;
  const { store, trust, log, now } = deps;
  const { work, window } = settings;
  await using workspace = await openWorkspace(work, log);
  const workFolder = workspace.folder;
  const mirror = await openMirror({
    ...{ store, trust, log, now: now(), work, workFolder, isDry: settings.dryRun },
    readsAll: true, // what is published now is not to be proven from a memory
  });
  const { published } = mirror;
  const { manifest } = published;
  requireUnderstood(published, store);
  const from = requireArchived(manifest, database, to);
  const prove = await deps.openProver();

  const staged: StagedMirror = {
    ...{ ...deps, mirror, published, window, workFolder },
    settings: {
      ...settings,
      upstreams: manifest ? [manifest.upstream.url] : settings.upstreams,
      resync: false,
      accept: reason,
    },
    progress: new Progress(deps, settings.dryRun),
    openFace: async () =>
      await openFaceBeside(deps, published, {
        versions: [{ database, from: from.version, to, how: 'rolled back', upstreamBytes: 0 }],
      }),
    stage: await Stage.create(workFolder),
  };
  const { progress } = staged;
  progress.updates = await stageRollback({ database, to, reason, from }, staged);
  log.info(`proving ${database} ${to} beside the other databases`);
  await progress.step('prove', () => proveStage(staged, prove));
  const error = progress.updates.find((update) => update.database === database)?.error;
  if (error !== undefined) throw error;
  const { proof } = progress;
  if (proof === null) throw new Error('nothing is published without a proof');
  const sendNext = async (next: Manifest, send: Send) => {
    const rolledBack = { ...next, checked: manifest?.checked ?? next.checked };
    await publishOnto(store, published, (tag, newest) => send(tag, asChecked(rolledBack, newest)));
  };
  await progress.step('publish', () => publishStage(staged, sendNext));
  return { database, from: from.version, to, proof };
}

/** Brings the archived version and all other databases as they are published into the stage. */
async function stageRollback(
  wanted: { database: string; to: number; reason: string; from: DatabaseRecord },
  mirror: StagedMirror,
): Promise<Update[]> {
  const { database, to, reason, from } = wanted;
  const held = { since: mirror.now().toISOString(), reason };
  const cvd = await stageArchived(database, to, mirror);
  const outcome = await stageArchivedSign(database, to, cvd.sha256, mirror);
  const sign = signRecord(undefined, outcome, { now: held.since, asked: held.since });
  const record = { ...cvd, ...chainUntil(to, from), sign, ...(from.seen && { seen: from.seen }), held };
  await carryOver(database, to, mirror);
  const updates: Update[] = [{ database, record, how: 'rolled back', isNew: true }];
  for (const [other, described] of Object.entries(mirror.published.manifest?.databases ?? {})) {
    if (other === database) continue;
    await carryOver(other, described.version, mirror);
    const staged = stagedAsPublished(other, described.version, mirror);
    updates.push({ database: other, record: described, how: 'unchanged', isNew: false, ...staged });
  }
  return updates;
}

/** Lets a database that was rolled back move again with the next cycle. Throws `rollback/held` if it is not pinned. */
export async function release(
  database: string,
  deps: Pick<CycleDeps, 'store' | 'log' | 'now'>,
): Promise<DatabaseRecord> {
  const published = await readPublished(deps.store);
  requireUnderstood(published, deps.store);
  const { manifest } = published;
  const described = manifest?.databases[database];
  if (manifest === undefined || described?.held === undefined) {
    throw new RollbackError('rollback/held', `${database} is not pinned in ${deps.store.where}`, {
      advice: 'See what is: clamav-mirror status',
    });
  }
  const { held: _, ...record } = described;
  const databases = { ...manifest.databases, [database]: record };
  const next = { ...manifest, databases, proof: withoutReason(described.held.reason, manifest, databases) };
  const at = deps.now().toISOString();
  const { since } = described.held;
  const released = { kind: 'released', at, database, version: described.version, since } as const;
  const faceOf = await openFaceBeside(deps, published, { events: [released] });
  await publishOnto(deps.store, published, async (tag, newest) => {
    const checked = asChecked(next, newest);
    await publish(deps.store, tag, { stage: undefined, next: checked, face: faceOf(checked) });
  });
  return described;
}

/** A rollback's reason is a part of its proof for as long as a database is pinned for it. */
function withoutReason(reason: string, { proof }: Manifest, databases: Manifest['databases']): Proof {
  const { accepted, ...rest } = proof;
  const isHeld = Object.values(databases).some(({ held }) => held?.reason === reason);
  return accepted?.reason === reason && !isHeld ? rest : proof;
}

/** A cycle without updates may come in between again while files are sent. */
const ATTEMPTS = 5;

/**
 * Publishes, and once more if a cycle without updates came in between: that changed nothing but what is known of upstream, and
 * a proof takes minutes, a cycle a second. `publishTo` is given the newest manifest and its tag. Throws `store/conflict` if
 * another run has published files.
 */
async function publishOnto(
  store: Store,
  from: Published,
  publishTo: (tag: string | undefined, newest: Manifest | undefined) => Promise<void>,
): Promise<void> {
  let { manifest, tag } = from;
  for (let left = ATTEMPTS; ; left--) {
    try {
      return await publishTo(tag, manifest);
    } catch (error) {
      if (codeOf(error) !== 'store/conflict' || left === 1) throw error;
      const found = await store.readManifest();
      if (found === undefined || from.manifest === undefined || found.tag === tag) throw error;
      manifest = parseManifest(found.text, store.where);
      if (filesIn(manifest) !== filesIn(from.manifest)) throw error;
      tag = found.tag;
    }
  }
}

/** Serializes a manifest without the parts that a cycle without updates changes. */
function filesIn({ checked: _, retired: __, retiredFiles: ___, ...manifest }: Manifest): string {
  const databases = Object.entries(manifest.databases).map(([name, record]) => {
    const { seen: _, checked: __, hashed: ___, left: ____, sign, ...files } = record;
    return [name, { ...files, sign: sign?.state }];
  });
  return JSON.stringify({ ...manifest, databases: Object.fromEntries(databases) });
}

/** With what the newest manifest knows of upstream. */
function asChecked(next: Manifest, newest: Manifest | undefined): Manifest {
  if (newest === undefined) return next;
  const databases = Object.entries(next.databases).map(([name, record]) => {
    const { seen, sign, version, checked = newest.checked, left } = newest.databases[name] ?? {};
    const isSame = version === record.version && sign !== undefined;
    const told = { ...(seen && { seen }), checked, ...(left && { left }) };
    return [name, { ...record, ...told, ...(isSame && { sign }) }] as const;
  });
  return { ...next, checked: newest.checked, databases: Object.fromEntries(databases) };
}

function requireArchived(manifest: Manifest | undefined, database: string, to: number): DatabaseRecord {
  const described = manifest?.databases[database];
  if (described === undefined) {
    const others = Object.keys(manifest?.databases ?? {}).join(', ') || 'nothing';
    throw new RollbackError('rollback/database', `${database} is not published here`, {
      advice: `There is: ${others}`,
    });
  }
  const versions = archivedVersions(manifest, database);
  if (versions.includes(to)) return described;
  throw new RollbackError('rollback/version', `version ${to} of ${database} is not in the archive`, {
    advice: `Published is ${described.version}; in the archive: ${versions.join(', ') || 'none'}`,
  });
}

/** Brings an archived CVD into the stage under its served name, proven as if it came from a stranger. */
async function stageArchived(
  database: string,
  version: number,
  { store, published, stage, trust }: CarryContext,
): Promise<ReturnType<typeof describeCvd>> {
  const name = cvdName(database);
  const archived = archiveName(database, version);
  await store.fetch(archived, stage.incoming(name), published.manifest?.files[archived]?.size);
  const verified = await verifyCvdFile(stage.incoming(name), trust, { database, version });
  await stage.accept({ name, size: verified.size, sha256: verified.sha256, stored: false });
  return describeCvd(verified);
}

/** Brings the `.sign` that was kept with it into the stage, if it is good now: later cycles ask upstream for another. */
async function stageArchivedSign(
  database: string,
  version: number,
  sha256: string,
  { store, published, stage, trust, log }: CarryContext,
): Promise<SignState> {
  const kept = await fetchArchivedSign(database, version, { store, published, stage });
  if (kept === undefined) return { state: 'missing' };
  const name = cvdSignName(database, version);
  try {
    const signed = { sha256, path: async () => stage.path(cvdName(database)) };
    const good = await proveSign(await readStart(kept, SIGN_BYTES + 1), signed, trust);
    await rename(kept, stage.incoming(name));
    await stage.accept({ name, ...good, stored: false });
    return { state: 'published', notAfter: good.notAfter };
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    log.warn(`${archiveSignName(database, version)} is not published again: ${error.message}`);
    return { state: 'withheld', reason: error.message };
  }
}

/** Cuts the chain of CDIFFs of a later version at this one. */
function chainUntil(
  version: number,
  { cdiffs, missingCdiffs }: DatabaseRecord,
): Pick<DatabaseRecord, 'cdiffs' | 'missingCdiffs'> {
  return {
    cdiffs: cdiffs === null || cdiffs.first > version ? null : { first: cdiffs.first, last: version },
    missingCdiffs: missingCdiffs.filter((step) => step <= version),
  };
}
