import { explain } from '../errors.ts';
import { printJson, streamLog } from '../log.ts';
import type { Given } from '../settings/read.ts';
import { storeSettings } from '../settings.ts';
import { archivedVersions } from '../store/archive.ts';
import type { DatabaseRecord, Manifest } from '../store/manifest.ts';
import { openStore } from '../store/open-store.ts';
import { unreadNames } from '../store/own-manifest.ts';
import { judgePin } from '../store/pin.ts';
import { readPublished } from '../store/published.ts';
import { signTroubleOf } from '../store/sign-trouble.ts';
import type { Store } from '../store/store.ts';

/** `clamav-mirror status`: the store at a glance. */
export async function status(given: Given, json: boolean): Promise<'good' | 'failed'> {
  const { store: where, s3 } = storeSettings(given);
  const store = await openStore(where, s3);
  const { manifest, damaged, lostSigns, unread } = await readPublished(store);
  const promises = await promisesOf(store);
  const log = streamLog(process.stdout);
  if (json) {
    const archive = Object.keys(manifest?.databases ?? {}).map((name) => [
      name,
      archivedVersions(manifest, name),
    ]);
    const { files: _, ...rest } = manifest ?? { files: {} };
    const shown = {
      store: store.where,
      ...rest,
      archive: Object.fromEntries(archive),
      damaged,
      lostSigns,
      unread: unreadNames(unread),
      promises,
    };
    printJson(process.stdout, shown);
  } else if (manifest === undefined) {
    log.info(`nothing was ever published in ${store.where}`);
    for (const line of promises) log.info(`  ${line}`);
  } else {
    for (const line of lines(store.where, manifest, damaged, promises)) log.info(line);
    for (const name of lostSigns)
      log.info(`  DAMAGED    ${name} is missing or has another size: the next sync takes it anew`);
    for (const name of unreadNames(unread))
      log.info(
        `  UNCLEAR    ${name}: the manifest cannot be understood about it, and the next sync mends it`,
      );
  }
  return manifest === undefined || damaged.length + lostSigns.length > 0 || unread ? 'failed' : 'good';
}

/** What the store keeps of a publication's conditions; it is tried with an object that is removed again. */
async function promisesOf(store: Store): Promise<readonly string[]> {
  return (
    (await store.describeAbilities?.().catch((error) => {
      return [`What it can promise could not be tried: ${explain(error)}`]; // as for one who may only read
    })) ?? []
  );
}

function lines(
  where: string,
  manifest: Manifest,
  damaged: readonly string[],
  promises: readonly string[],
): string[] {
  const { checked, published, proof, upstream } = manifest;
  const engines = proof.engines.map(({ name, version }) => `${name} (ClamAV ${version})`).join(', ');
  return [
    where,
    `  checked    ${checked} (${ageOf(checked)} ago) at ${upstream.url}`,
    `  published  ${published} (${ageOf(published)} ago)`,
    `  proven     ${proof.results.filter(({ result }) => result === 'passed').length} scenarios by ${engines}`,
    ...(proof.accepted === undefined ? [] : [`  accepted   ${proof.accepted.reason}`]),
    ...Object.entries(manifest.databases).flatMap(([database, record]) => [
      `  ${database.padEnd(10)} ${describe(record, archivedVersions(manifest, database))}`,
      ...(record.held === undefined
        ? []
        : [
            `             HELD since ${record.held.since}: ${record.held.reason}`,
            ...pinLines(database, record, manifest),
          ]),
      ...signLines(database, record),
      ...(damaged.includes(database) ? ['             DAMAGED: a file is missing or has another size'] : []),
    ]),
    ...promises.map((promise, at) => `  ${(at === 0 ? 'store' : '').padEnd(10)} ${promise}`),
  ];
}

/** Why a pin may be nobody's. */
function pinLines(database: string, record: DatabaseRecord, manifest: Manifest): string[] {
  const { bogus, doubt } = judgePin(database, record, manifest, new Date());
  if (bogus !== undefined) return [`             NOT OBEYED: ${bogus}`];
  return doubt === undefined ? [] : [`             DOUBTED: ${doubt}`];
}

/** The `.sign` of a published database in one line: until when it is good, or what is not as it should be. */
export function signLines(database: string, record: DatabaseRecord, now = new Date()): string[] {
  const trouble = signTroubleOf(database, record, now);
  const until = record.sign?.notAfter?.slice(0, 10);
  if (trouble !== undefined)
    return [`             ${trouble.kind === 'absent' ? 'NO .sign: ' : ''}${trouble.what}`];
  return until === undefined ? [] : [`             .sign valid until ${until}`];
}

function describe(
  { version, built, signatures, cdiffs, missingCdiffs }: DatabaseRecord,
  archive: readonly number[],
) {
  const chain = cdiffs === null ? 'no CDIFFs' : `CDIFFs ${cdiffs.first} to ${cdiffs.last}`;
  const gaps = missingCdiffs.length === 0 ? '' : `, without ${missingCdiffs.join(', ')}`;
  const kept = archive.length === 0 ? '' : `; kept: ${archive.join(', ')}`;
  return `version ${version} of ${built}, ${signatures} signatures, ${chain}${gaps}${kept}`;
}

function ageOf(time: string): string {
  const minutes = Math.floor((Date.now() - Date.parse(time)) / 60_000);
  if (minutes < 120) return `${minutes} minutes`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} hours` : `${Math.floor(minutes / 1440)} days`;
}
