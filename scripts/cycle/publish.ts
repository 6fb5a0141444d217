import { counted } from '../base/words.ts';
import type { ArchiveCopy } from '../mirror/archive.ts';
import { moveForeign } from '../mirror/foreign/move-foreign.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { publish } from '../mirror/publish.ts';
import { readPublished } from '../mirror/published.ts';
import { archiveCopies } from '../mirror/retained-cvds.ts';
import type { StagedMirror } from './context.ts';
import { nextManifest } from './next-manifest.ts';

/** A publication, and all that it takes to go back. */
export interface Publication {
  readonly previous: Manifest | undefined;
  readonly next: Manifest;
  /** The CVDs that were replaced. */
  readonly copies: readonly ArchiveCopy[];
}

/** Sends the stage with this manifest, if the store's manifest still has this tag. Throws `store/conflict`. */
export type Send = (tag: string | undefined, next: Manifest) => Promise<void>;

/**
 * Publishes the stage: CDIFFs first, CVDs next, the manifest last. Throws `store/conflict` if another run came between;
 * `sendNext` may look whether that matters, and send again.
 */
export async function publishStage(
  mirror: StagedMirror,
  sendNext: (next: Manifest, send: Send) => Promise<void> = async (next, send) =>
    await send(mirror.published.tag, next),
): Promise<Publication> {
  const { settings, store, stage, progress, log, published, mirrored } = mirror;
  const { surveys, updates, proof, unusable } = progress;
  const { broken, stored, hashed } = mirror.mirror;
  if (proof === null) throw new Error('nothing is published without a proof');
  // the replaced CVDs are kept at least until the new ones are read back
  const keep = settings.publicUrl === undefined ? settings.archive : settings.archive || 1;
  const copies = await archiveCopies(updates, keep, mirror);
  const faceOf = await mirror.openFace();
  const next = nextManifest({
    ...{ settings, now: mirror.now(), published, surveys, updates, stage },
    ...{ copies, unusable, proof, mirrored, hashed, faceOf },
  });
  const isNew = [...stage.files.values()].filter((file) => !file.stored);
  log.info(`publishing the manifest and ${counted(isNew.length, 'file')} to ${store.where}`);
  const anew = settings.resync || broken.length > 0; // then nothing in the store is believed
  await sendNext(next, async (tag, manifest) => {
    await publish(store, tag, { stage, archive: copies, next: manifest, face: faceOf(manifest), anew });
  });
  if (stored.manifest === undefined)
    await moveForeign(store, await readPublished(store), { log, isDry: false }); // the store is ours from now on
  for (const closed of (await store.describeAccess?.()) ?? []) log.warn(closed);
  return { previous: published.manifest, next, copies };
}
