import { inOrder } from '../base/order.ts';
import { VERSION } from '../base/version.ts';
import { archiveName, archiveSignName, isArchived, parseFileName } from '../cvd/names.ts';
import type { Stage } from '../files/stage.ts';
import { type ArchiveCopy, nextArchive } from '../mirror/archive.ts';
import { carriedExtras } from '../mirror/extras.ts';
import type { DatabaseRecord, Manifest } from '../mirror/manifest.ts';
import { retiredFilesOf } from '../mirror/publish.ts';
import type { Published } from '../mirror/published.ts';
import { fitInto } from '../mirror/size-limit.ts';
import { bytesOf, TOLD_LATER } from '../page/face.ts';
import type { Proof } from '../proof/record.ts';
import type { FileRecord } from '../store/file-record.ts';
import { type Checks, withChecks } from './checked.ts';
import type { FaceOf } from './context.ts';
import { bytesFor, type Survey, type Update } from './database.ts';
import type { Progress } from './progress.ts';
import type { CycleSettings } from './settings.ts';

/**
 * The manifest of a stage that was proven. Databases that took no part in the cycle stay as the previous manifest
 * describes them. Throws `store/too-large` if it cannot be made to fit.
 */
export function nextManifest(cycle: {
  settings: CycleSettings;
  now: Date;
  published: Published;
  surveys: readonly Survey[];
  updates: readonly Update[];
  stage: Stage;
  /** CVDs that are published in the archive now. */
  copies: readonly ArchiveCopy[];
  /** Names in the archive that are damaged. */
  unusable: readonly string[];
  proof: Proof;
  /** All databases that are mirrored, whether or not they took part; without, upstream was not asked, as in a rollback. */
  mirrored?: readonly string[] | undefined;
  hashed?: Checks['hashed'];
  /** Files that tell of it, which count for the limit. */
  faceOf?: FaceOf;
}): Manifest {
  const { settings, published, surveys, updates, stage, copies, unusable, proof } = cycle;
  const previous = published.manifest;
  const now = cycle.now.toISOString();
  const databases: Record<string, DatabaseRecord> = { ...previous?.databases };
  for (const { database, record } of updates) if (record !== undefined) databases[database] = record;

  const files: Record<string, FileRecord> = {};
  for (const [name, file] of Object.entries(previous?.files ?? {})) {
    const parsed = parseFileName(name);
    if (isArchived(parsed)) continue;
    if (!updates.some((one) => one.database === parsed?.database && one.record !== undefined))
      files[name] = file;
  }
  for (const { name, stored: _, ...record } of stage.files.values()) files[name] = record;
  Object.assign(files, nextArchive(databases, { published, copies, unusable, keep: settings.archive }));

  const manifest: Manifest = {
    format: 1,
    generator: `clamav-mirror/${VERSION}`,
    built:
      Object.values(databases)
        .map(({ built }) => built)
        .sort()
        .at(-1) ?? now,
    checked: previous?.checked ?? now,
    published: now,
    upstream: {
      url: servedBy(cycle) ?? settings.upstreams[0] ?? '',
      bytes: surveys.reduce((sum, survey) => sum + bytesFor(survey), 0),
    },
    databases,
    files,
    retired: [],
    proof,
    ...carriedExtras(previous?.extras, published.listing),
  };
  const { mirrored, hashed } = cycle;
  const checks = mirrored && withChecks(databases, { published, updates, mirrored, hashed, now: cycle.now });
  const later = TOLD_LATER * updates.filter(({ isNew }) => isNew).length;
  const limit = settings.maxMirrorSize && Math.max(0, settings.maxMirrorSize - later);
  return completed({ ...manifest, ...checks }, published, limit, cycle.faceOf);
}

/** URL of the upstream that gave the updates, or else the answers. */
function servedBy({ surveys, updates }: Pick<Progress, 'surveys' | 'updates'>): string | undefined {
  const isServing = ({ database }: Survey) =>
    updates.some((update) => update.database === database && update.isNew);
  return (surveys.find(isServing) ?? surveys[0])?.client.url;
}

/**
 * The manifest of a mirror without updates: archived CVDs, CDIFFs and `.sign` may be fewer, and what is known of `.sign`
 * and of upstream is updates up to date.
 * Throws `store/too-large` if it cannot be made to fit.
 */
export function checkedManifest(
  previous: Manifest,
  cycle: {
    settings: Pick<CycleSettings, 'archive' | 'maxMirrorSize' | 'databases'>;
    now: Date;
    published: Published;
    updates: readonly Update[];
    hashed?: Checks['hashed'];
    faceOf?: FaceOf;
  },
): Manifest {
  const { settings, now, published, updates, hashed, faceOf } = cycle;
  const databases = { ...previous.databases };
  for (const { database, record } of updates) {
    const described = databases[database];
    if (described === undefined || described.version !== record?.version) continue;
    const { sign = described.sign, seen = described.seen } = record;
    databases[database] = { ...described, ...(sign && { sign }), ...(seen && { seen }) };
  }
  const archive = nextArchive(databases, { published, keep: settings.archive });
  const others = Object.entries(previous.files).filter(([name]) => !isArchived(parseFileName(name)));
  const files = { ...Object.fromEntries(others), ...archive };
  const mirrored = settings.databases;
  const checks = withChecks(databases, { published, updates, mirrored, hashed, now });
  return completed({ ...previous, ...checks, files }, published, settings.maxMirrorSize, faceOf);
}

/** Made to fit, and with what that retires. */
function completed(
  manifest: Manifest,
  published: Published,
  limit: number | undefined,
  faceOf: FaceOf = () => new Map(),
): Manifest {
  const { retiredFiles: _, ...bare } = manifest;
  const retiring = (files: Manifest['files']) => {
    const retired = retiredBy(files, published);
    return { retired, ...retiredFilesOf(retired, [published.manifest]) };
  };
  const faceBytes = limit === undefined ? 0 : bytesOf(faceOf(manifest));
  const fitted = fitInto({ ...bare, ...retiring(bare.files) }, limit, faceBytes);
  const { retiredFiles: __, ...rest } = fitted;
  return { ...rest, ...retiring(fitted.files), files: sorted(fitted.files) };
}

/**
 * Lists files to remove: those that earlier manifests named, and those that a run may have put into the archive before it was
 * killed, as far as they are in the store and no longer part of the mirror.
 */
function retiredBy(files: Readonly<Record<string, FileRecord>>, { manifest, listing }: Published): string[] {
  const known = [
    ...Object.keys(manifest?.files ?? {}),
    ...(manifest?.retired ?? []),
    ...Object.entries(manifest?.databases ?? {}).flatMap(([name, { version }]) => [
      archiveName(name, version),
      archiveSignName(name, version),
    ]),
  ];
  const isOver = (name: string) => files[name] === undefined && listing.has(name);
  return [...new Set(known)].filter((name) => isOver(name) && parseFileName(name) !== undefined).sort();
}

function sorted(files: Readonly<Record<string, FileRecord>>): Record<string, FileRecord> {
  return Object.fromEntries(Object.entries(files).sort(([a], [b]) => inOrder(a, b)));
}
