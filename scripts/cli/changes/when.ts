import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { print, printJson } from '../../base/log.ts';
import { counted } from '../../base/words.ts';
import { type DatabaseAnswer, findSignature, isServed, signatureAsked } from '../../changes/find.ts';
import { eachLine } from '../../changes/from-databases.ts';
import type { KindOfChange } from '../../changes/step.ts';
import { cvdName } from '../../cvd/names.ts';
import { signatureName } from '../../cvd/signature-name.ts';
import { makeTemporaryFolder } from '../../files/private-folder.ts';
import { verifyCvdFile } from '../../files/verify.ts';
import { whenSettings } from '../../settings/commands/changes/changes.ts';
import { type Given, SettingError } from '../../settings/read.ts';
import { TALOS } from '../../verify/trust.ts';
import { databasesOf, openReadMirror, type ReadMirror } from './mirror.ts';
import { whenBuilt } from './text.ts';

/** `clamav-mirror when`: with which version a signature came and went, and whether it is served now. */
export async function when(
  name: string,
  url: string | undefined,
  { given, json }: { readonly given: Given; readonly json: boolean },
): Promise<'good' | 'failed'> {
  const settings = whenSettings(url, given);
  const asked = signatureAsked(name);
  if (asked === '') throw new SettingError('setting/invalid', 'the name of the signature is empty');
  if (settings.search && settings.place.kind === 'url')
    throw new SettingError('setting/invalid', '--search looks through a store, not through a URL');
  await using mirror = await openReadMirror(settings.place);
  const databases = databasesOf(mirror, settings.database);
  const answers = await findSignature(mirror.read, databases, asked);
  const searched = settings.search ? await search(mirror, databases, asked) : undefined;
  const result = resultOf(asked, answers, mirror, searched);
  if (json) printJson(process.stdout, result);
  else print(process.stdout, linesOf(result, mirror));
  return result.events.length > 0 || (searched?.length ?? 0) > 0 ? 'good' : 'failed';
}

/** A file of a served database in which a signature is. */
interface Place {
  readonly database: string;
  readonly version: number;
  readonly file: string;
}

function resultOf(
  name: string,
  answers: readonly DatabaseAnswer[],
  { manifest }: ReadMirror,
  searched: readonly Place[] | undefined,
) {
  const told = answers
    .map(({ database, events }) => isServed(events, manifest.databases[database]?.version))
    .filter((one) => one !== undefined);
  const served =
    searched === undefined ? (told.length === 0 ? null : told.includes(true)) : searched.length > 0;
  return {
    name,
    /** `null`: no list tells. */
    served,
    events: answers.flatMap(({ events }) => events),
    databases: answers.map(({ database, from, to, unsure }) => {
      const version = manifest.databases[database]?.version ?? null;
      return { database, served: version, from, to, unsure };
    }),
    ...(searched !== undefined && { searched }),
  };
}

type Result = ReturnType<typeof resultOf>;

function linesOf({ name, served, events, databases, searched }: Result, { where }: ReadMirror): string[] {
  const happened = events.map(
    (event) => `  ${VERBS[event.change]} ${event.database} ${event.to}, ${whenBuilt(event)} (${event.file})`,
  );
  const unsure = databases
    .filter((one) => one.unsure.length > 0 && (events.length === 0 || served !== true))
    .map(
      (one) =>
        `  not certain: of ${counted(one.unsure.length, 'version')} of ${one.database}, not all removed signatures are known by name`,
    );
  const places = (searched ?? []).map((one) => `  in ${one.database} ${one.version} (${one.file})`);
  const known = databases.map(({ database, from, to }) => `${database} ${from} to ${to}`).join(', ');
  const verdict =
    served === true
      ? 'is served now'
      : served === false
        ? 'is not served now'
        : 'did not change in the versions that are known';
  if (served !== null) return [`${name} ${verdict}`, ...happened, ...places, ...unsure];
  if (known === '') return [`${where} has no list of changes yet; a sync makes them`];
  return [
    `${name} ${verdict}: ${known}`,
    '  So it came earlier and is served still, or it went earlier, or there is none of this name.',
    ...unsure,
    `  To look through the served databases: clamav-mirror when '${name.replaceAll("'", "'\\''")}' --store <where> --search`,
  ];
}

const VERBS: Readonly<Record<KindOfChange, string>> = {
  added: 'came with',
  removed: 'went with',
  exchanged: 'changed with',
};

/** Looks through the served databases, each proven first, and streamed. */
async function search(
  { store, manifest }: ReadMirror,
  databases: readonly string[],
  name: string,
): Promise<Place[]> {
  const places: Place[] = [];
  const folder = await makeTemporaryFolder('clamav-mirror-when-');
  try {
    for (const database of databases) {
      const path = join(folder, cvdName(database));
      await store?.fetch(cvdName(database), path, manifest.files[cvdName(database)]?.size);
      await verifyCvdFile(path, TALOS, { database });
      const files = new Set<string>();
      const { header } = await eachLine(path, (file, line) => {
        if (!files.has(file) && signatureName(file, line) === name) files.add(file);
      });
      places.push(...[...files].map((file) => ({ database, version: header.version, file })));
      await rm(path);
    }
    return places;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
