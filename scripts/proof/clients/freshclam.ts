import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HEADER_SIZE, parseHeader } from '../../cvd/header.ts';
import { cvdName, cvdSignName } from '../../cvd/names.ts';
import { endOf, readsSigns, run, type ToolRun } from '../../engine/engine.ts';
import { type ConfOption, writeConf } from '../../files/clamav-conf.ts';
import { readStart } from '../../files/verify.ts';
import { type RequestLine, startHost } from '../../host/host.ts';
import { contentsOf, difference } from '../cvd-contents.ts';
import {
  type Candidate,
  type EarlierCvd,
  inFolder,
  OutOfTime,
  ScenarioFailure,
  type Scene,
  tellingLine,
} from '../scenarios/scenario.ts';
import { hashOf, stagedContents, stagedHash } from './staged.ts';

/** Settings of `freshclam.conf` in which clients differ. */
export interface ClientConfig {
  /** Asks only for whole databases, `.cld` first, and never for CDIFFs. */
  readonly privateMirror?: boolean;
  readonly scriptedUpdates?: boolean;
  /** Loads every database before using it. Default false, because loading takes most of the time. */
  readonly testDatabases?: boolean;
  /** Takes no CVD without its `.sign`. Only for engines with `readsSigns`. */
  readonly fips?: boolean;
  /** Takes these files of the stage by `DatabaseCustomURL`, and no databases. */
  readonly custom?: readonly string[];
  /** Learns the newest versions from this record of this nameserver instead of from the mirror. */
  readonly dns?: { readonly nameserver: string; readonly record: string };
}

/** One run of freshclam, and its requests to our host. */
export interface Update {
  readonly run: ToolRun;
  readonly requests: readonly RequestLine[];
}

/** Runs the real freshclam of the engine, with the stage on our own host as its mirror. */
export async function update(scene: Scene, config: ClientConfig = {}): Promise<Update> {
  const { engine, folder, candidate, transcript } = scene;
  await mkdir(join(folder, 'db'), { recursive: true });
  const requests: RequestLine[] = [];
  const onRequest = (line: RequestLine) => void requests.push(line);
  const address = engine.hostAddress;
  // A secret path: the requests are evidence, so nobody else on this machine may add any.
  const below = `/${randomUUID()}`;
  await using host = await startHost({ folder: candidate.folder, address, below, onRequest });
  await writeConf(join(folder, 'freshclam.conf'), optionsOf(scene, host.url, config));
  const wanted = config.custom === undefined ? candidate.staged.keys() : ['custom'];
  const databases = [...wanted].map((database) => `--update-db=${database}`);
  const task = inFolder(scene, {
    tool: 'freshclam',
    args: (at) => [
      `--config-file=${at}/freshclam.conf`,
      `--datadir=${at}/db`,
      ...(config.dns === undefined ? ['--no-dns'] : []),
      '--stdout',
      ...databases,
    ],
    ...(config.dns === undefined ? {} : { nameserver: config.dns.nameserver }),
  });
  const ended = await run(engine, task);
  await host.close(); // so that all requests have been recorded
  transcript.add(`requests to ${host.url}`, requests.map(requestText).join('\n'));
  if (ended.timedOut) throw new OutOfTime(`freshclam was killed after ${scene.timeout / 1000} s`);
  return { run: ended, requests };
}

/** Copies earlier CVDs into the folder of the client, each with its `.sign`, as freshclam ≥ 1.5 keeps it. */
export async function plant(scene: Scene, cvds: Iterable<readonly [database: string, cvd: EarlierCvd]>) {
  const folder = join(scene.folder, 'db');
  await mkdir(folder, { recursive: true });
  for (const [database, { path, version, sign }] of cvds) {
    await copyFile(path, join(folder, cvdName(database)));
    if (sign !== undefined) await copyFile(sign, join(folder, cvdSignName(database, version)));
  }
}

/** Staged CVD with its `.sign`, for a client that has it already. */
export function stagedCvd({ folder, staged }: Candidate, database: string): EarlierCvd {
  const { version = 0 } = staged.get(database) ?? {};
  const sign = join(folder, cvdSignName(database, version));
  return { version, path: join(folder, cvdName(database)), sign: existsSync(sign) ? sign : undefined };
}

/**
 * Requires that the folder of the client holds exactly the staged versions. The files themselves are read, because the
 * exit code of freshclam proves nothing (clamav-formats.md §0.5). Returns the files that arrived. Databases of `stuck`
 * may be one version behind.
 */
export async function requireStagedVersions(
  scene: Scene,
  ended?: ToolRun,
  stuck: readonly string[] = [],
): Promise<string> {
  const arrived: string[] = [];
  const said = ended === undefined ? '' : ` (freshclam ${endOf(ended)}: ${tellingLine(ended)})`;
  for (const [database, { version }] of scene.candidate.staged) {
    const found = await versionIn(join(scene.folder, 'db'), database);
    const isStuck = found?.version === version - 1 && stuck.includes(database);
    if (found?.version !== version && !isStuck) {
      const what = found === undefined ? 'has no' : `has version ${found.version} of`;
      throw new ScenarioFailure(`the client ${what} ${database}, not version ${version}${said}`);
    }
    arrived.push(`${found.file} ${found.version}${isStuck ? ', until upstream has the last CDIFF' : ''}`);
  }
  return arrived.join(', ');
}

/** Requires that databases that the client built from CDIFFs hold the same as the staged CVDs. */
export async function requireStagedContents(scene: Scene): Promise<void> {
  for (const [database, { version }] of scene.candidate.staged) {
    const file = `${database}.cld`;
    const found = await versionIn(join(scene.folder, 'db'), database);
    if (found?.file !== file || found.version !== version) continue; // freshclam has verified a CVD itself
    const wanted = await stagedContents(scene.candidate, database);
    const other = difference(wanted, await contentsOf(join(scene.folder, 'db', file)));
    if (other === undefined) continue;
    throw new ScenarioFailure(`CDIFFs lead to another ${other} in ${database} than the CVD has`);
  }
}

/** Requires that the CVDs of the client equal the staged ones, byte for byte. */
export async function requireStagedBytes(scene: Scene): Promise<void> {
  const names = await readdir(join(scene.folder, 'db'));
  for (const database of scene.candidate.staged.keys()) {
    const name = cvdName(database);
    const got = join(scene.folder, 'db', name);
    if (!names.includes(name) || (await stagedHash(scene.candidate, database)) !== (await hashOf(got))) {
      throw new ScenarioFailure(`the client's ${name} is not the one that was served`);
    }
  }
}

/** True for a request for a whole CVD, not for its header alone. */
export function isFullDownload({ path, status, range }: RequestLine): boolean {
  return path.endsWith('.cvd') && (status === 200 || (status === 206 && range !== PROBE_RANGE));
}

const PROBE_RANGE = 'bytes=0-511';

/** Describes a request: `GET /daily.cvd bytes=0-511: 206, 512 bytes`. */
export function requestText({ method, path, range, status, bytes }: RequestLine): string {
  return `${method} ${path}${range === undefined ? '' : ` ${range}`}: ${status}, ${bytes} bytes`;
}

function optionsOf({ engine, timeout }: Scene, url: string, config: ClientConfig): readonly ConfOption[] {
  return [
    [config.privateMirror ? 'PrivateMirror' : 'DatabaseMirror', url],
    ...(config.custom ?? []).map((name) => ['DatabaseCustomURL', `${url}/${name}`] as const),
    ['DatabaseOwner', engine.databaseOwner],
    ['ScriptedUpdates', config.scriptedUpdates ?? true],
    ['TestDatabases', config.testDatabases ?? false],
    ...(config.dns === undefined ? [] : [['DNSDatabaseInfo', config.dns.record] as const]),
    ...(config.fips ? [['FIPSCryptoHashLimits', true] as const] : []),
    ['MaxAttempts', readsSigns(engine) ? DEFAULT_ATTEMPTS : 1],
    ['ConnectTimeout', 10],
    ['ReceiveTimeout', Math.ceil(timeout / 1000)],
  ];
}

/** Default of ClamAV. With only one attempt, freshclam ≥ 1.5 is stricter about a bad `.sign` (clamav-formats.md §8). */
const DEFAULT_ATTEMPTS = 3;

/**
 * Finds the file of a database in the folder of a client, and the version in its header. Throws `ScenarioFailure` if
 * there are two.
 */
export async function versionIn(
  folder: string,
  database: string,
): Promise<{ file: string; version: number } | undefined> {
  const names = await readdir(folder);
  const files = [`${database}.cld`, cvdName(database)].filter((name) => names.includes(name));
  const [file, second] = files;
  if (file === undefined) return undefined;
  if (second !== undefined) throw new ScenarioFailure(`the client has both ${file} and ${second}`);
  return { file, version: parseHeader(await readStart(join(folder, file), HEADER_SIZE)).version };
}
