import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import * as v from 'valibot';
import { LEASE_BYTES, LEASE_SECONDS, LEASE_UPLOADS, UPLOAD_CHARACTERS } from '../../base/limits/store.ts';
import { counted } from '../../base/words.ts';
import { PRIVATE_FOLDER } from '../file-name.ts';
import { StoreError } from '../store.ts';
import { type Abilities, unchanged } from './abilities.ts';
import type { Attributes, Bucket, Condition } from './bucket.ts';

export const LEASE = `${PRIVATE_FOLDER}/lease`;

/** How long a lease holds, and how long to let others write where a store keeps no conditions. Milliseconds. */
export interface LeaseTimes {
  readonly lease: number;
  readonly settle: number;
}

export const LEASE_TIMES: LeaseTimes = { lease: 60_000, settle: 2000 };

const UploadSchema = v.object({
  name: v.pipe(v.string(), v.maxLength(UPLOAD_CHARACTERS.name)),
  id: v.pipe(v.string(), v.maxLength(UPLOAD_CHARACTERS.id)),
});
const LeaseSchema = v.object({
  owner: v.string(),
  seconds: v.number(),
  renewals: v.number(),
  uploads: v.optional(v.pipe(v.array(UploadSchema), v.maxLength(LEASE_UPLOADS)), []),
});

/** An upload in parts that is neither completed nor ended: for the next run, should this one be killed. */
export type NotedUpload = v.InferOutput<typeof UploadSchema>;

/**
 * The right to publish: an object that one run writes and renews while it lives. Another takes it over when it has not
 * been renewed for as long as it says, by the store's clock alone. A run that could not renew its lease in time gives
 * up by itself, earlier than another could have it.
 */
export class Lease implements AsyncDisposable {
  readonly owner = randomUUID();
  readonly #bucket: Bucket;
  readonly #abilities: Abilities;
  readonly #times: LeaseTimes;
  readonly #attributes: Attributes;
  /** What the run before, which was killed, had noted. */
  inherited: readonly NotedUpload[] = [];
  readonly #uploads = new Set<NotedUpload>();
  #tag = '';
  #renewals = 0;
  #renewed = clocks();
  #lost = false;
  #last: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  private constructor(bucket: Bucket, abilities: Abilities, times: LeaseTimes, attributes: Attributes) {
    this.#bucket = bucket;
    this.#abilities = abilities;
    this.#times = times;
    this.#attributes = attributes;
  }

  /** Throws `store/busy` if another run has it. */
  static async take(
    bucket: Bucket,
    abilities: Abilities,
    options: { times?: LeaseTimes; attributes: Attributes },
  ): Promise<Lease> {
    const lease = new Lease(bucket, abilities, options.times ?? LEASE_TIMES, options.attributes);
    await lease.#take();
    lease.#timer = setInterval(() => lease.renew().catch(() => {}), lease.#times.lease / 3); // `assertHeld` tells
    lease.#timer.unref();
    return lease;
  }

  /** Throws `store/conflict` if another run may have it by now. */
  assertHeld(): void {
    if (!this.#lost && since(this.#renewed) < (this.#times.lease * 5) / 6) return;
    throw new StoreError(
      'store/conflict',
      `this run was stopped for too long to publish to ${this.#bucket.where}`,
      {
        advice: 'Another run may be publishing; the next run starts from what is there',
      },
    );
  }

  /** Makes sure that it is held, and for its whole time from now. Throws `store/conflict`. */
  async renew(): Promise<void> {
    const renew = async () => {
      this.assertHeld();
      if (unchanged(this.#tag, this.#abilities) === undefined && !(await this.#isOurs())) this.#lost = true;
      else if (!(await this.#write(unchanged(this.#tag, this.#abilities)))) this.#lost = true;
      this.assertHeld();
    };
    this.#last = this.#last.then(renew, renew);
    await this.#last;
  }

  /** Writes down an upload that has begun. Throws `store/conflict`. */
  async note(upload: NotedUpload): Promise<void> {
    this.#uploads.add(upload);
    await this.renew();
  }

  /** An upload that is completed or ended. */
  forget(upload: NotedUpload): void {
    this.#uploads.delete(upload);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#last.catch(() => {});
    try {
      this.assertHeld();
      if (this.#uploads.size > 0) return; // the next run, which has to wait for a while, reads of them
      await this.#bucket.remove(LEASE, { abortSignal: AbortSignal.timeout(LET_GO_TIMEOUT) });
    } catch {
      // it ends by itself
    }
  }

  async #take(): Promise<void> {
    const ABSENT = { IfNoneMatch: '*' } as const;
    if (this.#abilities.create && (await this.#write(ABSENT))) return;
    const found = await this.#bucket.read(LEASE, LEASE_BYTES);
    if (found !== undefined) this.#assertOver(found);
    else if (this.#abilities.create && (await this.#write(ABSENT)))
      return; // it was let go just now
    else if (this.#abilities.create) throw this.#busy();
    this.inherited = parse(found?.text ?? '')?.uploads ?? [];
    for (const upload of this.inherited) this.#uploads.add(upload);
    const condition = found === undefined ? undefined : unchanged(found.tag, this.#abilities);
    if (!(await this.#write(condition))) throw this.#busy();
    if (condition !== undefined) return;
    await wait(this.#times.settle);
    if (!(await this.#isOurs())) throw this.#busy();
  }

  /** Writes the lease; false if the condition does not hold. An answer that was lost counts as what it was. */
  async #write(condition: Condition | undefined): Promise<boolean> {
    const asked = clocks();
    const seconds = this.#times.lease / 1000;
    const uploads = [...this.#uploads].slice(0, LEASE_UPLOADS);
    const text = JSON.stringify({ owner: this.owner, seconds, renewals: ++this.#renewals, uploads });
    const tag = await this.#bucket.write(LEASE, text, this.#attributes, condition);
    const found =
      tag === undefined || tag === '' ? await this.#bucket.read(LEASE, LEASE_BYTES) : { text, tag };
    if (found?.text !== text) return false;
    this.#tag = found.tag;
    this.#renewed = asked;
    return true;
  }

  async #isOurs(): Promise<boolean> {
    return ownerOf((await this.#bucket.read(LEASE, LEASE_BYTES))?.text ?? '') === this.owner;
  }

  #assertOver({ text, modified }: { text: string; modified: number }): void {
    const { seconds = this.#times.lease / 1000 } = parse(text) ?? {};
    const left = Math.min(seconds, LEASE_SECONDS) * 1000 - (this.#bucket.now() - modified);
    if (left > -CLOCK_STEP) throw this.#busy(left);
  }

  #busy(left = this.#times.lease): StoreError {
    const seconds = Math.max(1, Math.ceil((left + CLOCK_STEP) / 1000));
    return new StoreError('store/busy', `another run is publishing to ${this.#bucket.where}`, {
      advice: `Run this again when it has ended; if it was killed, in ${counted(seconds, 'second')}`,
    });
  }
}

/** Milliseconds. */
const LET_GO_TIMEOUT = 5000;
/** The store's clock is told in whole seconds, twice. */
const CLOCK_STEP = 2000;

function parse(text: string): v.InferOutput<typeof LeaseSchema> | undefined {
  try {
    const parsed = v.safeParse(LeaseSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

function ownerOf(text: string): string | undefined {
  return parse(text)?.owner;
}

/** One clock stands still while the machine sleeps, the other may be set. */
function clocks(): { steady: number; wall: number } {
  return { steady: performance.now(), wall: Date.now() };
}

/** Milliseconds, at least. */
function since(then: { steady: number; wall: number }): number {
  const now = clocks();
  return Math.max(now.steady - then.steady, now.wall - then.wall);
}
