import { createHash } from 'node:crypto';
import { chownSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type CvdHeader, parseHeader } from '../../../../scripts/cvd/header.ts';
import { cdiffName, cdiffSignName, cvdName, cvdSignName } from '../../../../scripts/cvd/names.ts';
import { DigestSet, type FileDigests } from '../../../../scripts/verify/sign.ts';
import { type LoadOptions, loads, versionOf } from '../load.ts';
import { clockOf, readCertificates } from '../settings.ts';
import { judgeSign, type SignVerdict } from '../verdict.ts';
import { leaveInCld } from './cld.ts';
import { coolDownAfter, NOTES, notesUntil, saveCoolDown } from './cool-down.ts';
import { type Flow, type PassingCvd, urlOf } from './forwarder.ts';
import type { Upstream } from './upstream.ts';

/** A CDIFF that the real freshclam was given, with its `.sign` if there was one. */
interface Patch {
  readonly version: number;
  readonly files: ReadonlyMap<string, Buffer>;
}

/** What is asked for beside what the real freshclam asks for, and what becomes of it in the database folder. */
export class Signs implements Flow {
  readonly #upstream: Upstream;
  readonly #folder: string;
  readonly #options: LoadOptions;
  readonly #before = new Map<string, number>();
  /** The `.sign` files that lie in the folder for downloads: what is there is not asked for, nor used, and then gone. */
  readonly #leftover = new Set<string>();
  readonly #cvds = new Map<string, { version: number; sha256: string; sign: Buffer | undefined }>();
  readonly #patches = new Map<string, Patch[]>();
  readonly #late = new Map<string, Buffer>();
  readonly #touched = new Set<string>();
  #coolDownUntil: number | undefined;

  constructor(upstream: Upstream, folder: string, options: LoadOptions) {
    [this.#upstream, this.#folder, this.#options] = [upstream, folder, options];
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const [, database] = /^(.+)\.c[vl]d$/.exec(name) ?? [];
      const version = versionOf(join(folder, name));
      if (database !== undefined && version !== undefined)
        this.#before.set(database, Math.max(version, this.#before.get(database) ?? 0));
    }
  }

  canPatch(database: string): boolean {
    this.#touched.add(database);
    const [cvd, cld] = [this.#path(cvdName(database)), this.#path(`${database}.cld`)];
    return existsSync(cld) || !existsSync(cvd) || loads(cvd, this.#options);
  }

  async headerCame(mirror: URL, database: string, head: Buffer | undefined): Promise<void> {
    this.#touched.add(database);
    const remote = head === undefined ? 0 : headerOf(head)?.version;
    const local = this.#localCvd(database);
    if (local !== undefined && remote !== undefined && remote <= local)
      await this.#askLate(mirror, database, local);
  }

  async cvdCame({ mirror, database, head, digests }: PassingCvd): Promise<boolean> {
    this.#touched.add(database);
    const version = headerOf(head)?.version;
    if (version === undefined) return true; // the real one refuses it
    const name = cvdSignName(database, version);
    const isLeft = this.#leftover.delete(name);
    const sign = isLeft ? undefined : await this.#ask(mirror, name, (seconds) => this.#coolDown(seconds));
    if (isLeft) say(`ERROR: downloadFile: Can't create new file ${name}`);
    if (sign !== undefined) this.#leftover.add(name);
    const verdict = this.#judge(sign, digests);
    const sha256 = Buffer.from(digests.sha256).toString('hex');
    this.#cvds.set(database, { version, sha256, sign });
    return verdict === 'good' || (verdict === 'none' && !this.#options.fips);
  }

  async cdiffCame(mirror: URL, database: string, version: number, cdiff: Buffer): Promise<boolean> {
    this.#touched.add(database);
    const files = new Map([[cdiffName(database, version), cdiff]]);
    const name = cdiffSignName(database, version);
    const sign = await this.#ask(mirror, name, (seconds) => {
      files.set(NOTES, notesUntil(this.#folder, inSeconds(seconds)));
    });
    const verdict = this.#judge(sign, new DigestSet().update(cdiff).digests());
    if (verdict === 'refused') return false;
    if (sign !== undefined) files.set(name, sign);
    this.#patches.set(database, [...(this.#patches.get(database) ?? []), { version, files: copied(files) }]);
    return true;
  }

  /** The CVDs that the nameserver says are up to date are looked at too, though nothing was asked of the mirror. */
  async askUntouched(mirror: URL): Promise<void> {
    for (const database of this.#before.keys()) {
      const version = this.#localCvd(database);
      if (version !== undefined && !this.#touched.has(database))
        await this.#askLate(mirror, database, version);
    }
  }

  /** Leaves the folder as 1.5 does, once the real freshclam has ended. */
  settle(): void {
    for (const [database, { version, sha256, sign }] of this.#cvds) {
      const cvd = this.#path(cvdName(database));
      if (!existsSync(cvd) || hashOf(cvd) !== sha256) continue;
      this.#removeSigns(database);
      if (sign !== undefined) this.#write(cvdSignName(database, version), sign, cvd);
    }
    for (const [database, patches] of this.#patches) {
      const cld = this.#path(`${database}.cld`);
      const [from, to] = [this.#before.get(database) ?? 0, versionOf(cld) ?? 0];
      if (to <= from) continue;
      const applied = patches.filter(({ version }) => version > from && version <= to);
      leaveInCld(cld, new Map(applied.flatMap(({ files }) => [...files])));
      this.#removeSigns(database);
    }
    for (const [name, sign] of this.#late) {
      this.#write(name, sign, this.#path(name.replace(/-\d+(?=\.cvd)/, '').replace(/\.sign$/, '')));
    }
    if (this.#coolDownUntil !== undefined) saveCoolDown(this.#folder, this.#coolDownUntil);
  }

  async #askLate(mirror: URL, database: string, version: number): Promise<void> {
    const name = cvdSignName(database, version);
    if (existsSync(this.#path(name)) || this.#late.has(name)) return;
    const sign = await this.#ask(mirror, name, (seconds) => this.#coolDown(seconds));
    if (sign !== undefined) this.#late.set(name, sign);
  }

  /** A `.sign`, if the mirror answers with something; it is asked once, whatever it answers. */
  async #ask(mirror: URL, name: string, coolDown: (seconds: number) => void): Promise<Buffer | undefined> {
    const url = urlOf(mirror, name);
    try {
      const answer = await this.#upstream.get(url, { accept: '*/*' }, AbortSignal.timeout(30_000));
      const body = await buffer(answer.body);
      const retryAfter = answer.headers['retry-after'];
      const seconds = coolDownAfter(
        answer.statusCode,
        typeof retryAfter === 'string' ? retryAfter : undefined,
      );
      if (seconds > 0) coolDown(seconds);
      else if (answer.statusCode >= 500)
        say(
          `ERROR: downloadFile: Unexpected response (${answer.statusCode}) from ${url.origin}${url.pathname}`,
        );
      return answer.statusCode === 200 && body.length > 0 ? body : undefined;
    } catch (error) {
      say(`WARNING: Can't download ${name} from ${url.origin}: ${error}`);
      return undefined;
    }
  }

  #coolDown(seconds: number): void {
    this.#coolDownUntil = inSeconds(seconds);
  }

  #judge(sign: Buffer | undefined, digests: FileDigests): SignVerdict {
    if (sign === undefined) return 'none';
    const { settings, certificates } = this.#options;
    return judgeSign(sign, digests, { roots: readCertificates(certificates), now: clockOf(settings) });
  }

  /** Of the CVD that freshclam holds; `undefined` if it has none, or a CLD. */
  #localCvd(database: string): number | undefined {
    if (existsSync(this.#path(`${database}.cld`))) return undefined;
    return versionOf(this.#path(cvdName(database)));
  }

  #removeSigns(database: string): void {
    for (const name of readdirSync(this.#folder)) {
      if (name.startsWith(`${database}-`) && name.endsWith('.cvd.sign')) rmSync(this.#path(name));
    }
  }

  /** A file that belongs to whom its neighbour belongs. */
  #write(name: string, bytes: Buffer, neighbour: string): void {
    const { uid, gid, mode } = statSync(neighbour);
    writeFileSync(this.#path(name), bytes, { mode });
    chownSync(this.#path(name), uid, gid);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

function headerOf(head: Buffer): CvdHeader | undefined {
  try {
    return parseHeader(head);
  } catch {
    return undefined;
  }
}

/** Its bytes as they are now: what is refused gets spoilt on its way. */
function copied(files: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  return new Map([...files].map(([name, bytes]) => [name, Buffer.from(bytes)]));
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
