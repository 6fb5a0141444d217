import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { explain } from '../../scripts/base/errors.ts';
import { versionIn } from '../../scripts/proof/clients/freshclam.ts';
import { contentsOf, difference } from '../../scripts/proof/cvd-contents.ts';
import type { Run } from '../../scripts/setup/programs.ts';
import type { Freshclam } from './engines.ts';
import { type Mirror, WINDOW } from './mirror.ts';
import type { Versions } from './versions.ts';

/** What a client has before it updates. */
export const STATES = ['nothing', 'newest', '1 behind', 'behind', 'far behind'] as const;
export type State = (typeof STATES)[number];

/** Versions that a client may be behind and still find every CDIFF, whatever is published during its update. */
const BEHIND = 4;

/** Share of the updates that are a PrivateMirror client's, which asks for a `.cld` first and for no CDIFF. */
const PRIVATE = 0.25;

/** One run of freshclam. */
export interface Update {
  readonly state: State;
  readonly isPrivate: boolean;
  /** Whether a version was published, in part at least, while it ran. */
  readonly during: boolean;
  /** The version that it ended with; `undefined`: none. */
  readonly version: number | undefined;
  /** What is wrong with it, in sentences. */
  readonly faults: readonly string[];
}

/** A client of one mirror by way of one host, in a folder of its own, which each update finds in another state. */
export class Client {
  readonly #mirror: Mirror;
  readonly #freshclam: Freshclam;
  readonly #folder: string;
  readonly #random: () => number;

  constructor(parts: {
    readonly mirror: Mirror;
    readonly freshclam: Freshclam;
    readonly folder: string;
    readonly random: () => number;
  }) {
    this.#mirror = parts.mirror;
    this.#freshclam = parts.freshclam;
    this.#folder = parts.folder;
    this.#random = parts.random;
  }

  async update(url: string): Promise<Update> {
    const config = join(this.#folder, 'freshclam.conf');
    await mkdir(this.#databases, { recursive: true });
    const isPrivate = this.#random() < PRIVATE;
    const lines = [
      `${isPrivate ? 'PrivateMirror' : 'DatabaseMirror'} ${url}`,
      `DatabaseOwner ${this.#freshclam.owner}`,
      'MaxAttempts 1', // an error must not be made up for
      '',
    ];
    await writeFile(config, lines.join('\n'));
    const state = await this.#prepare();
    const begin = performance.now();
    const places = [`--config-file=${config}`, `--datadir=${this.#databases}`];
    const ended = await this.#freshclam.run([...places, '--no-dns', '--stdout', '--update-db=daily']);
    const expected = this.#mirror.seen(begin, performance.now());
    const faults = [...faultsOf(ended, { state, isPrivate }), ...(await this.#faultsOfFolder())];
    const found = await versionIn(this.#databases, 'daily').catch((error) => {
      faults.push(explain(error));
    });
    if (found === undefined) faults.push('it has no database');
    else faults.push(...(await this.#faultsOf(found, expected)));
    if (faults.length > 0) faults.push(`freshclam said: ${ended.stdout.trim()}${ended.stderr.trim()}`);
    return { state, isPrivate, during: expected.highest > expected.lowest, version: found?.version, faults };
  }

  get #databases(): string {
    return join(this.#folder, 'db');
  }

  /** Puts one of the states into the folder, or lets the client go on with what it has. */
  async #prepare(): Promise<State> {
    const newest = this.#mirror.newest;
    const state = STATES[Math.floor(this.#random() * (STATES.length + 1))]; // or none: it goes on
    if (state === undefined) {
      const { version = 0 } = (await versionIn(this.#databases, 'daily').catch(() => {})) ?? {};
      const distance = newest - version;
      if (version > 0 && distance <= 0) return 'newest'; // or newer: a commit is under way
      if (version > 0 && distance <= BEHIND) return distance === 1 ? '1 behind' : 'behind';
    }
    await rm(this.#databases, { recursive: true });
    await mkdir(this.#databases);
    if (state === undefined || state === 'nothing') return 'nothing';
    const distance = {
      newest: 0,
      '1 behind': 1,
      behind: 2 + Math.floor(this.#random() * (BEHIND - 1)),
      'far behind': WINDOW + 2 + Math.floor(this.#random() * 5),
    }[state];
    const { cvd } = await this.#mirror.versions.get(newest - distance);
    await copyFile(cvd, join(this.#databases, 'daily.cvd'));
    return state;
  }

  /** freshclam leaves its own file beside the database, and tells there until when it asks no more. */
  async #faultsOfFolder(): Promise<string[]> {
    const faults: string[] = [];
    for (const name of await readdir(this.#databases)) {
      if (/^daily\.c[vl]d$/.test(name)) continue;
      if (name !== 'freshclam.dat') faults.push(`it has left ${name}`);
      else if (retryAfter(await readFile(join(this.#databases, name))) !== 0n)
        faults.push('it is in a cool-down');
    }
    return faults;
  }

  async #faultsOf(
    { file, version }: { readonly file: string; readonly version: number },
    { lowest, highest }: { readonly lowest: number; readonly highest: number },
  ): Promise<string[]> {
    if (version < lowest || version > highest) {
      return [`it has version ${version}, where ${lowest} to ${highest} were published`];
    }
    return await mixture(join(this.#databases, file), version, this.#mirror.versions);
  }
}

/** What is in a database file that is not of its version. */
async function mixture(path: string, version: number, versions: Versions): Promise<string[]> {
  const wanted = await versions.get(version);
  if (path.endsWith('.cvd')) {
    const sha256 = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    return sha256 === wanted.sha256 ? [] : [`its daily.cvd is not that of version ${version}`];
  }
  try {
    const other = difference(wanted.contents, await contentsOf(path));
    return other === undefined ? [] : [`its ${other} is not that of version ${version}`];
  } catch (error) {
    return [`its daily.cld cannot be read: ${explain(error)}`];
  }
}

/** What freshclam says on any update by HTTP alone. */
const USUAL = /^WARNING: DNS Update Info disabled\. Falling back to HTTP mode\.$/;
/** What it says of a CDIFF that is not there any more, before it takes the CVD. */
const NO_CDIFF = [
  /^(WARNING|ERROR): \w+: Can't download daily-\d+\.cdiff from \S+$/,
  /^WARNING: Incremental update failed, trying to download daily\.cvd$/,
];
/** What it says of 404, and only of that. */
const NOT_FOUND = { cdiff: notFound(/daily-\d+\.cdiff/), cld: notFound(/daily\.cld/) };

function faultsOf(
  { exitCode, stdout, stderr }: Run,
  { state, isPrivate }: Pick<Update, 'state' | 'isPrivate'>,
) {
  const missing = isPrivate ? 'cld' : state === 'far behind' ? 'cdiff' : undefined;
  const usual = [USUAL, ...(missing === 'cdiff' ? NO_CDIFF : []), ...(missing ? [NOT_FOUND[missing]] : [])];
  const said = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim());
  const faults = said.filter(
    (line) => /WARNING|ERROR|LibClamAV/.test(line) && !usual.some((one) => one.test(line)),
  );
  if (exitCode !== 0) faults.unshift(`freshclam ended with ${exitCode}`);
  if (missing !== undefined && !said.some((line) => NOT_FOUND[missing].test(line))) {
    faults.push(`a missing ${missing} was not 404`);
  }
  return faults;
}

function notFound(name: RegExp): RegExp {
  return new RegExp(`^WARNING: \\w+: file not found: \\S+/${name.source}$`);
}

/**
 * When freshclam asks again, from its file: 13 letters, a version, an identifier of 37 bytes, and a time_t where the
 * compiler put it. 0: any time. (libfreshclam/libfreshclam_internal.h.)
 */
function retryAfter(dat: Buffer): bigint {
  return dat.readBigInt64LE(61);
}
