import { encodeManifest } from '../mirror/manifest.ts';
import { publish } from '../mirror/publish.ts';
import { isAgeKnown } from './checked.ts';
import type { Cycle } from './context.ts';
import { checkedManifest } from './next-manifest.ts';

/**
 * Publishes what was found out though no database is new: of each that is well, when upstream was last seen; what the
 * manifest was wrong about; and that `.sign` files are gone which are not good any more.
 */
export async function confirmUnchanged(cycle: Cycle): Promise<void> {
  const { settings, store, published, mirror } = cycle;
  const { stored, gone, hashed, isMended } = mirror;
  const { manifest, tag } = published;
  const { updates } = cycle.progress;
  if (manifest === undefined || stored.manifest === undefined || settings.dryRun) return;
  const faceOf = await cycle.openFace();
  const facts = { settings, now: cycle.now(), published, updates, hashed, faceOf };
  const next = checkedManifest(manifest, facts);
  const differs = stored.unread !== undefined || encodeManifest(next) !== encodeManifest(stored.manifest);
  const isNews = updates.some((update) => isAgeKnown(update, { published, updates }));
  if (differs && (isNews || gone.length > 0 || isMended))
    await publish(store, tag, { stage: undefined, next, face: faceOf(next) });
}
