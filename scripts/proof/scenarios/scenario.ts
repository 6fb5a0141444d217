import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HEADER_SIZE, parseHeader } from '../../cvd/header.ts';
import { readStart } from '../../files/verify.ts';
import type { Engine, ToolRun } from '../engine.ts';

/** What the header of a staged CVD says of it. */
export interface StagedDatabase {
  readonly version: number;
  readonly signatures: number;
}

/** What a scenario has to work with. */
export interface Scene {
  readonly engine: Engine;
  /** Port on this machine's loopback at which our own host serves the stage. */
  readonly port: number;
  /** The client's folder, the same for all scenarios of one client; its databases are in `db`. */
  readonly folder: string;
  readonly staged: ReadonlyMap<string, StagedDatabase>;
  /** Paths of the CVDs that are published now, by database. */
  readonly published: ReadonlyMap<string, string>;
  /** Milliseconds for one run of a tool. */
  readonly timeout: number;
}

/** One thing a client does against the stage: it returns what shows that it went well, or throws. */
export interface Scenario {
  /** A sentence. */
  readonly name: string;
  /** Whose folder it plays in: what the scenario before it left there is where it starts. */
  readonly client: 'fresh' | 'published';
  play(scene: Scene): Promise<string>;
}

/** Throw this for a client that did not get what the stage promises. */
export class ScenarioFailure extends Error {
  override readonly name = 'ScenarioFailure';
}

/** Updates the client by freshclam and requires that it arrives at exactly the staged versions. */
export async function updateToStage(scene: Scene): Promise<string> {
  const run = await freshclam(scene);
  if (run.timedOut) throw new ScenarioFailure(`freshclam was killed after ${scene.timeout / 1000} s`);
  try {
    return await requireStagedVersions(scene);
  } catch (cause) {
    if (!(cause instanceof ScenarioFailure)) throw cause;
    throw new ScenarioFailure(`${cause.message} (freshclam exit ${run.exitCode}: ${lastLine(run.output)})`);
  }
}

/**
 * Requires that the client's folder holds exactly the staged versions, as its files say themselves: freshclam's
 * exit code proves nothing (clamav-formats.md §0.5).
 */
export async function requireStagedVersions(scene: Scene): Promise<string> {
  const arrived: string[] = [];
  for (const [database, { version }] of scene.staged) {
    const found = await versionIn(join(scene.folder, 'db'), database);
    if (found?.version !== version) {
      const what = found === undefined ? 'has no' : `has version ${found.version} of`;
      throw new ScenarioFailure(`the client ${what} ${database}, not version ${version}`);
    }
    arrived.push(`${found.file} ${version}`);
  }
  return arrived.join(', ');
}

/** The real freshclam of the engine, with the stage as its DatabaseMirror. */
async function freshclam(scene: Scene): Promise<ToolRun> {
  const { engine, folder, port } = scene;
  await mkdir(join(folder, 'db'), { recursive: true });
  const lines = [
    `DatabaseMirror http://${engine.addressOf(port)}`,
    `DatabaseOwner ${engine.databaseOwner}`,
    'ScriptedUpdates yes',
    'TestDatabases yes',
    'MaxAttempts 1',
    'ConnectTimeout 10',
    'ReceiveTimeout 60',
  ];
  await writeFile(join(folder, 'freshclam.conf'), `${lines.join('\n')}\n`);
  const databases = [...scene.staged.keys()].map((database) => `--update-db=${database}`);
  return await engine.run(
    'freshclam',
    folder,
    (at) => [
      `--config-file=${at}/freshclam.conf`,
      `--datadir=${at}/db`,
      '--no-dns',
      '--stdout',
      ...databases,
    ],
    scene.timeout,
  );
}

/** The database file of a client's folder and the version in its header. */
async function versionIn(
  folder: string,
  database: string,
): Promise<{ file: string; version: number } | undefined> {
  const names = await readdir(folder);
  const files = [`${database}.cld`, `${database}.cvd`].filter((name) => names.includes(name));
  const [file, second] = files;
  if (file === undefined) return undefined;
  if (second !== undefined) throw new ScenarioFailure(`the client has both ${file} and ${second}`);
  return { file, version: parseHeader(await readStart(join(folder, file), HEADER_SIZE)).version };
}

/** The last line of a log that says something, for one-line reasons. */
function lastLine(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const telling = lines.findLast((line) => /error|warning|can't|failed/i.test(line)) ?? lines.at(-1);
  return telling?.trim().slice(0, 300) ?? 'no output';
}
