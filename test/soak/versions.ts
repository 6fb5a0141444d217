import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeInfo } from '../../scripts/cvd/info.ts';
import { contentsOf } from '../../scripts/proof/cvd-contents.ts';
import { diffScript } from '../support/databases/chain.ts';
import { SOUND } from '../support/databases/hostile.ts';
import { type CvdParts, makeCdiff, makeCvd, makeHeader, makeInfo } from '../support/databases/signing.ts';

/** A version of `daily`, as upstream offers it. */
export interface Version {
  readonly version: number;
  /** Path of the CVD. */
  readonly cvd: string;
  readonly sha256: string;
  /** SHA-256 of every file inside, by name. */
  readonly contents: ReadonlyMap<string, string>;
  /** From the version before. */
  readonly cdiff: Buffer;
}

/** Signatures in each version: enough that a CVD (about 120 kB) comes in more than one piece. */
const SIGNATURES = 3000;
/** Signatures that go and come with each. */
const STEP = 20;
/** How long ago the first was built; ClamAV warns of a database that is older than a week. Seconds. */
const EARLIER = 3 * 24 * 60 * 60;

/** A `daily` that goes on and on, signed by the tests' keys; each version is made when it is first asked for. */
export class Versions {
  readonly #folder: string;
  /** A host's Last-Modified must not be older than the build time: all were built before today (clamav-formats.md §0.4). */
  readonly #epoch = Math.floor(Date.now() / 1000) - EARLIER;
  readonly #made = new Map<number, Promise<Version>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async get(version: number): Promise<Version> {
    const made = this.#made.get(version) ?? this.#make(version);
    this.#made.set(version, made);
    return await made;
  }

  async #make(version: number): Promise<Version> {
    const parts = this.#partsOf(version);
    const bytes = makeCvd(parts);
    const cvd = join(this.#folder, `daily-${version}.cvd`);
    await writeFile(cvd, bytes);
    const script = diffScript(withInfo(this.#partsOf(version - 1)), withInfo(parts));
    return {
      version,
      cvd,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      contents: await contentsOf(cvd),
      cdiff: makeCdiff(version, script),
    };
  }

  #partsOf(version: number): CvdParts {
    const lines = Array.from({ length: SIGNATURES }, (_, at) => signature(version * STEP + at));
    const files = Object.entries({ ...SOUND, hsb: lines }).map(([extension, content]) => {
      return [`daily.${extension}`, Buffer.from(content.map((line) => `${line}\n`).join(''))] as const;
    });
    const stime = this.#epoch + version * 60;
    const header = { ...makeHeader('daily', version), stime, time: timeOf(stime), signatures: SIGNATURES };
    return { database: 'daily', version, files: new Map(files), header };
  }
}

function withInfo(parts: CvdParts): ReadonlyMap<string, Uint8Array> {
  return new Map([['daily.info', encodeInfo(makeInfo(parts))], ...parts.files]);
}

function signature(id: number): string {
  const sha256 = createHash('sha256').update(`nobody has this ${id}`).digest('hex');
  return `${sha256}:${1000 + (id % 9000)}:Win.Test.Nobody-${id}`;
}

/** As headers have it. */
function timeOf(stime: number): string {
  const [, day, month, year, clock = ''] = new Date(stime * 1000).toUTCString().split(' ');
  return `${day} ${month} ${year} ${clock.slice(0, 5).replace(':', '-')} +0000`;
}
