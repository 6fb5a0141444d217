import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import type { Allowed, Extras } from '../../mirror/extras.ts';
import type { Manifest } from '../../mirror/manifest.ts';
import { publish } from '../../mirror/publish.ts';
import { type Published, readPublished, requireUnderstood } from '../../mirror/published.ts';
import type { Proof } from '../../proof/record.ts';
import { StoreError } from '../../store/store.ts';
import type { CycleDeps, FaceOf } from '../context.ts';
import type { WantedExtra } from './stage-extras.ts';

/** Extras as they are to be published, all of them in a folder. */
export interface ExtrasToPublish {
  readonly extras: ReadonlyMap<string, WantedExtra>;
  readonly allowed: readonly Allowed[];
  readonly proof: Proof | undefined;
  /** Folder in which they were proven. */
  readonly folder: string;
  /** Published extras whose bytes are gone or damaged. */
  readonly damaged: ReadonlySet<string>;
  /** Texts that tell of it. */
  readonly openFace?: ((published: Published) => Promise<FaceOf>) | undefined;
}

/** Runs that may come in between: cycles that change only what is known of upstream. */
const ATTEMPTS = 5;

/**
 * Publishes extras: new files first, the manifest next, and what is retired is removed last. Throws `store/conflict` if another
 * run has published databases or extras since `began`.
 */
export async function publishExtras(
  began: Published,
  to: ExtrasToPublish,
  { store, now }: Pick<CycleDeps, 'store' | 'now'>,
): Promise<Extras> {
  for (let [published, left] = [began, ATTEMPTS]; ; left--) {
    const { manifest, tag } = published;
    if (manifest === undefined || subjectOf(manifest) !== subjectOf(began.manifest)) {
      throw new StoreError('store/conflict', `another run published to ${store.where} in the meantime`, {
        advice: 'Its publication stands. The next run starts from it',
      });
    }
    const extras = nextExtras(manifest.extras, to, published, now());
    const next = { ...manifest, extras };
    const isToSend = ({ name, sha256 }: WantedExtra) =>
      to.damaged.has(name) || manifest.extras?.files[name]?.sha256 !== sha256;
    const send = [...to.extras.values()].filter(isToSend);
    const files = send.map(({ name, sha256 }) => ({ name, sha256, path: join(to.folder, name) }));
    const face = (await to.openFace?.(published))?.(next) ?? new Map<string, string>();
    try {
      await publish(store, tag, { stage: undefined, extras: files, next, face, anew: to.damaged.size > 0 });
      return extras;
    } catch (error) {
      if (codeOf(error) !== 'store/conflict' || left === 1) throw error;
      published = await readPublished(store);
      requireUnderstood(published, store);
    }
  }
}

/** All in a manifest that the proof of extras, or their list, depends on. */
function subjectOf(manifest: Manifest | undefined): string {
  const databases = Object.entries(manifest?.databases ?? {}).map(([name, { sha256 }]) => [name, sha256]);
  return JSON.stringify([databases.sort(), manifest?.extras]);
}

function nextExtras(
  current: Extras | undefined,
  { extras, allowed, proof }: ExtrasToPublish,
  { listing }: Published,
  now: Date,
): Extras {
  const files = [...extras.values()].map(({ name, size, sha256, source }) => {
    const before = current?.files[name];
    const published = before?.sha256 === sha256 ? before.published : now.toISOString();
    return [name, { size, sha256, source, published }] as const;
  });
  const known = [...Object.keys(current?.files ?? {}), ...(current?.retired ?? [])];
  const retired = known.filter((name) => !extras.has(name) && listing.has(name));
  const inOrder = files.sort(([one], [other]) => one.localeCompare(other));
  return {
    files: Object.fromEntries(inOrder),
    allowed,
    ...(proof && { proof }),
    retired: [...new Set(retired)].sort(),
  };
}
