import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import { liesAhead } from '../base/clock.ts';
import { CACHED_STATE_BYTES } from '../base/limits/github.ts';
import type { Log } from '../base/log.ts';
import { type Holding, provenIn } from '../client/holdings.ts';
import { remove } from '../client/install.ts';
import { type Signed, withSigns } from '../client/signs.ts';
import { cldName, cvdName, cvdSignName, DATABASE_NAME } from '../cvd/names.ts';
import { replaceFile } from '../files/atomic.ts';
import { chunksOf, readJson } from '../files/open.ts';
import { takePrivateFolder } from '../files/private-folder.ts';
import { COPIES_FOLDER, Copies } from '../store/copies.ts';
import { type FileRecord, FileSchema, Time } from '../store/file-record.ts';
import type { Trust } from '../verify/trust.ts';

/** File in the folder of the clients, beside copies of their databases. */
export const CLIENTS = 'clients.json';

const KeptSchema = v.object({
  /** True if CDIFFs made it. */
  cld: v.boolean(),
  version: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  file: FileSchema,
  sign: v.optional(FileSchema),
});
const ClientSchema = v.object({
  /** Time at which it began with nothing. */
  since: Time,
  databases: v.record(v.pipe(v.string(), v.regex(DATABASE_NAME)), KeptSchema),
});
const ClientsSchema = v.object({
  format: v.literal(1),
  clients: v.record(v.pipe(v.string(), v.maxLength(100)), ClientSchema),
});

type Clients = v.InferOutput<typeof ClientsSchema>['clients'];

/** Place of a client among all that a watch plays. */
export interface Turn {
  readonly at: number;
  readonly of: number;
}

export interface KeptContext {
  readonly trust: Trust;
  readonly log: Log;
  readonly now: Date;
}

const DAY_MS = 24 * 60 * 60_000;

/**
 * True if a client is to begin with nothing: it has kept nothing, or it is its turn today. Each day one of them begins anew, so
 * that the mirror serves every byte once a day, and the others update by CDIFFs, as most real clients do.
 */
export function beginsAnew(since: string | undefined, { at, of }: Turn, now: Date): boolean {
  if (since === undefined || liesAhead(since, now)) return true;
  const day = (time: number) => Math.floor(time / DAY_MS);
  return day(now.getTime()) % of === at && day(Date.parse(since)) !== day(now.getTime());
}

/**
 * Databases that the clients of a watch keep from run to run, in a folder that a cache may have filled: copies by their hash,
 * and a record of whose they are. Only what is proven is used, and what cannot be understood is none.
 */
export class KeptClients {
  readonly #folder: string;
  readonly #copies: Copies;
  readonly #before: Clients;
  readonly #context: KeptContext;
  readonly #after: Clients = {};

  private constructor(folder: string, before: Clients, context: KeptContext) {
    this.#folder = folder;
    this.#copies = new Copies(join(folder, COPIES_FOLDER));
    this.#before = before;
    this.#context = context;
  }

  /** Throws `setting/unsafe-folder`. */
  static async open(folder: string, context: KeptContext): Promise<KeptClients> {
    const place = await takePrivateFolder(folder, `the folder of the clients ${folder}`);
    return new KeptClients(place, await readClients(join(place, CLIENTS)), context);
  }

  /** Puts into an empty folder what a client had at the end of its last run; returns what is proven of it. */
  async plant(client: string, turn: Turn, db: string): Promise<ReadonlyMap<string, Signed>> {
    const before = this.#before[client];
    const { trust, log, now } = this.#context;
    if (before === undefined || beginsAnew(before.since, turn, now)) return new Map();
    const names = Object.keys(before.databases);
    for (const [database, { cld, version, file, sign }] of Object.entries(before.databases)) {
      await this.#copies.take(file, join(db, cld ? cldName(database) : cvdName(database)));
      if (sign !== undefined) await this.#copies.take(sign, join(db, cvdSignName(database, version)));
    }
    const onDoubt = (name: string, error: Error) => log.warn(`a kept ${name} is not used: ${error.message}`);
    const proven = await withSigns(db, await provenIn(db, names, trust, onDoubt), trust, onDoubt);
    for (const database of names) if (!proven.has(database)) await remove(db, database);
    if (proven.size > 0) this.#after[client] = { since: before.since, databases: {} };
    return proven;
  }

  /** Keeps what a client has in a folder for the next run. */
  async keep(client: string, db: string, holdings: ReadonlyMap<string, Holding>): Promise<void> {
    const { trust, log, now } = this.#context;
    const since = this.#after[client]?.since ?? now.toISOString();
    const databases: Clients[string]['databases'] = {};
    const signed = await withSigns(db, holdings, trust, (name, error) =>
      log.warn(`the ${name} of the mirror is not kept: ${error.message}`),
    );
    for (const [database, { file, header, sign }] of signed) {
      databases[database] = {
        cld: file === cldName(database),
        version: header.version,
        file: await this.#copy(join(db, file)),
        ...(sign !== undefined && { sign: await this.#copy(join(db, sign)) }),
      };
    }
    this.#after[client] = { since, databases };
  }

  /** Forgets what a client had: it begins anew in the next run. */
  forget(client: string): void {
    delete this.#after[client];
  }

  /** Leaves a client that is not played in this run as it was. */
  leave(client: string): void {
    const before = this.#before[client];
    if (before !== undefined) this.#after[client] = before;
  }

  /** Writes down what the clients of this run have, and removes all else. */
  async save(): Promise<void> {
    const kept = Object.values(this.#after).flatMap(({ databases }) =>
      Object.values(databases).flatMap(({ file, sign }) => [file, ...(sign ? [sign] : [])]),
    );
    await this.#copies.retain(new Set(kept.map(({ sha256 }) => sha256)));
    const text = `${JSON.stringify({ format: 1, clients: this.#after })}\n`;
    await replaceFile(join(this.#folder, CLIENTS), text);
  }

  async #copy(path: string): Promise<FileRecord> {
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of chunksOf(path)) {
      hash.update(chunk);
      size += chunk.length;
    }
    const record = { size, sha256: hash.digest('hex') };
    await this.#copies.keep(record.sha256, path);
    return record;
  }
}

async function readClients(path: string): Promise<Clients> {
  try {
    const parsed = v.safeParse(ClientsSchema, await readJson(path, CACHED_STATE_BYTES));
    return parsed.success ? parsed.output.clients : {};
  } catch {
    return {}; // missing or not valid
  }
}
