import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MirrorError } from '../base/errors.ts';
import type { Engine } from '../engine/engine.ts';
import { linkOrCopy } from '../files/open.ts';
import { UPDATE, type UpdateContext, update, type Wanted } from './conditional-update.ts';
import { missesEicar } from './detection.ts';
import { ClientError } from './error.ts';
import type { Extras, TakenExtras } from './extras.ts';
import type { ClientFolder } from './folder.ts';
import { DATABASES } from './freshclam.ts';
import { remove } from './install.ts';
import type { ClientSettings } from './settings.ts';
import type { Signed } from './signs.ts';

type Holdings = ReadonlyMap<string, Signed>;

/** Databases and extras that a client is to have. */
export interface Proven {
  readonly holdings: Holdings;
  readonly extras: Extras;
}

/**
 * Lets the engine find EICAR before anything counts as good. CVDs and extras that were there before need no scan: every byte
 * is signed, or named by the manifest. A CLD is scanned with in every run: nothing signs it as a whole, and a cache may have
 * brought it. An extra with which ClamAV does not work is left out: the databases do not depend on it. Throws
 * `client/does-not-detect`.
 */
export async function prove(
  folder: ClientFolder,
  found: { readonly wanted: Wanted; readonly holdings: Holdings; readonly taken: TakenExtras },
  settings: ClientSettings,
  context: UpdateContext,
  deadline: number,
): Promise<Proven> {
  const { wanted, holdings, taken } = found;
  const { engine, log } = context;
  const { extras, fresh } = taken;
  if (fresh.size === 0 && !needsScan(folder, holdings)) return { holdings, extras };

  const db = join(folder.work, UPDATE, DATABASES);
  const misses = async (held: Holdings, names: readonly string[]) => {
    const timeout = Math.max(1, Math.ceil(deadline - performance.now()));
    const how = { fips: settings.fips, timeout, hasExtras: names.length > 0 };
    for (const name of names) await linkOrCopy(extras.get(name) ?? '', join(db, name));
    try {
      return await missesEicar(engine, join(folder.work, UPDATE), held, how);
    } finally {
      for (const name of names) await rm(join(db, name), { force: true });
    }
  };
  const wrongWith = async (held: Holdings, names: readonly string[]) => {
    try {
      return await misses(held, names);
    } catch (error) {
      if (error instanceof MirrorError) return error.message; // no memory for them, say
      throw error;
    }
  };
  const names = [...extras.keys()];
  if (names.length > 0 && (await wrongWith(holdings, names)) === undefined) return { holdings, extras };

  // Without extras it shows whether they are to blame.
  const wrong = await misses(holdings, []);
  const sound =
    wrong === undefined
      ? holdings
      : await anew(wrong, { folder, wanted, holdings }, settings, context, deadline);
  const still = sound === holdings ? undefined : await misses(sound, []);
  if (still !== undefined) throw undetected(still, engine);
  const good = await toleratedBy(
    (some) => wrongWith(sound, some),
    names,
    (name, why) =>
      log.warn(`${name} of the mirror is left out: ClamAV ${engine.version} does not work with it: ${why}`),
  );
  return { holdings: sound, extras: new Map(good.map((name) => [name, extras.get(name) ?? ''])) };
}

/** Takes whole CVDs in the place of CLDs with which the engine does not find EICAR. Throws `client/does-not-detect`. */
async function anew(
  wrong: string,
  { folder, wanted, holdings }: { folder: ClientFolder; wanted: Wanted; holdings: Holdings },
  settings: ClientSettings,
  context: UpdateContext,
  deadline: number,
): Promise<Holdings> {
  const suspects = [...holdings]
    .filter(([, { file }]) => file.endsWith('.cld'))
    .map(([database]) => database);
  if (suspects.length === 0) throw undetected(wrong, context.engine);
  context.log.warn(`${wrong}: downloading ${suspects.join(', ')} whole`);
  const db = join(folder.work, UPDATE, DATABASES);
  for (const database of suspects) await remove(db, database);
  const rest = { ...folder, proven: new Map() }; // the other databases are in place already
  return await update(rest, wanted, settings, context, deadline);
}

/**
 * Finds the extras with which ClamAV works: all but those that `wrongWith` blames. They are halved until each bad one is
 * alone, so one among fifty takes about ten scans. `onLeftOut` gets a bad one with the reason.
 */
export async function toleratedBy(
  wrongWith: (names: readonly string[]) => Promise<string | undefined>,
  names: readonly string[],
  onLeftOut: (name: string, reason: string) => void,
): Promise<readonly string[]> {
  let good: readonly string[] = [];
  const add = async (part: readonly string[]): Promise<void> => {
    const [first] = part;
    if (first === undefined) return;
    const wrong = await wrongWith([...good, ...part]);
    if (wrong === undefined) {
      good = [...good, ...part];
    } else if (part.length === 1) {
      onLeftOut(first, wrong);
    } else {
      const half = Math.ceil(part.length / 2);
      await add(part.slice(0, half));
      await add(part.slice(half));
    }
  };
  await add(names);
  return good;
}

function needsScan({ proven }: ClientFolder, holdings: Holdings): boolean {
  return [...holdings].some(
    ([database, { file, header }]) =>
      file.endsWith('.cld') || proven.get(database)?.header.version !== header.version,
  );
}

function undetected(what: string, { version }: Engine): ClientError {
  return new ClientError(
    'client/does-not-detect',
    `with the databases of the mirror, ClamAV ${version} does not find EICAR: ${what}`,
    {
      advice: 'The folder keeps its old databases. Check what the mirror serves: clamav-mirror probe --full',
    },
  );
}
