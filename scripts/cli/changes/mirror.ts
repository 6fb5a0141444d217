import { type ReadText, textsOf } from '../../changes/texts.ts';
import type { Manifest } from '../../mirror/manifest.ts';
import { manifestOf } from '../../mirror/published.ts';
import { ProbeError } from '../../probe/error.ts';
import { ProbeClient } from '../../probe/http-client.ts';
import { readManifest } from '../../probe/read-manifest.ts';
import type { MirrorPlace } from '../../settings/commands/changes/changes.ts';
import { openStore } from '../../store/open.ts';
import { type Store, StoreError } from '../../store/store.ts';

/** A mirror whose lists of changes are read. */
export interface ReadMirror extends AsyncDisposable {
  /** Path or URL, without a password. */
  readonly where: string;
  readonly read: ReadText;
  readonly manifest: Manifest;
  readonly store?: Store;
}

/** Opens a mirror for reading, which needs no rights. Throws if nothing is published there, or it cannot be read. */
export async function openReadMirror(place: MirrorPlace): Promise<ReadMirror> {
  if (place.kind === 'store') {
    const store = await openStore(place.settings.store, place.settings.s3);
    const manifest = await manifestOf(store);
    if (manifest === undefined) throw nothingThere(store.where);
    return {
      where: store.where,
      read: textsOf(store),
      manifest,
      store,
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const client = new ProbeClient(place);
  try {
    const { manifest, error } = await readManifest(client);
    if (error !== undefined) throw error;
    if (manifest === undefined) throw nothingThere(client.url);
    return {
      ...{ where: client.url, manifest, read: textsAt(client) },
      [Symbol.asyncDispose]: async () => await client[Symbol.asyncDispose](),
    };
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

/** Texts of a mirror that is served. */
function textsAt(client: ProbeClient): ReadText {
  return async (name, limit) => {
    const { status, body, ended } = await client.ask(name, { keep: limit });
    if (status === 404 || ended === 'left') return undefined;
    if (status === 200 && ended === 'whole') return body.toString('utf8');
    throw new ProbeError(
      'probe/incomplete',
      `${client.url}/${name} is answered with ${status}, not with a file`,
      {
        advice: 'Serve the folder changes/ too: see site/hosts',
      },
    );
  };
}

/** Databases to look at: the one that is asked for, or all of the mirror. Throws if the mirror has none of that name. */
export function databasesOf({ manifest, where }: ReadMirror, database: string | undefined): string[] {
  const names = Object.keys(manifest.databases);
  if (database === undefined) return names;
  if (names.includes(database)) return [database];
  throw new StoreError('store/missing', `${database} is not published in ${where}`, {
    advice: `There is: ${names.join(', ') || 'nothing'}`,
  });
}

function nothingThere(where: string): StoreError {
  return new StoreError('store/missing', `no mirror of this program is published in ${where}`, {
    advice: 'Name another --store, or the URL of a mirror',
  });
}
