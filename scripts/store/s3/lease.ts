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

/**
 * Times of a lease in milliseconds: how long it holds, and how long to wait for other writers at a store without
 * conditions.
 */
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

/** Multipart upload under way, noted for the next run in case this one is killed. */
export type NotedUpload = v.InferOutput<typeof UploadSchema>;

/**
 * The right to publish, as an object that one run writes and keeps renewing. Another run takes it over once it has
 * expired, by the clock of the store alone. A run that could not renew its lease in time stops by itself, before
 * another run can have it.
 */
export class Lease implements AsyncDisposable {
  readonly owner = randomUUID();
  readonly #bucket: Bucket;
  readonly #abilities: Abilities;
  readonly #times: LeaseTimes;
  readonly #attributes: Attributes;
  /** Uploads that the previous run had noted when it was killed. */
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

  /** Takes the lease. Throws `store/busy` if another run has it. */
  static async take(
    bucket: Bucket,
    abilities: Abilities,
    options: { times?: LeaseTimes; attributes: Attributes },
  ): Promise<Lease> {
    const lease = new Lease(bucket, abilities, options.times ?? LEASE_TIMES, options.attributes);
    await lease.#take();
    lease.#timer = setInterval(() => lease.renew().catch(() => {}), lease.#times.lease / 3); // `assertHeld` reports the failure
    lease.#timer.unref();
    return lease;
  }

  /** Requires that no other run can have the lease by now. Throws `store/conflict`. */
  assertHeld(): void {
    if (!this.#lost && since(this.#renewed) < (this.#times.lease * 5) / 6) return;
    throw new StoreError(
      'store/conflict',
      `this run paused for too long and lost the right to publish to ${this.#bucket.where}`,
      {
        advice: 'Another run may be publishing. The next run starts from its result',
      },
    );
  }

  /** Renews the lease for its whole time from now. Throws `store/conflict` if it is lost. */
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

  /** Notes an upload that has begun. Throws `store/conflict`. */
  async note(upload: NotedUpload): Promise<void> {
    this.#uploads.add(upload);
    await this.renew();
  }

  /** Forgets an upload that is completed or ended. */
  forget(upload: NotedUpload): void {
    this.#uploads.delete(upload);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#last.catch(() => {});
    try {
      this.assertHeld();
      if (this.#uploads.size > 0) return; // the next run waits for its end, and reads the uploads
      await this.#bucket.remove(LEASE, { abortSignal: AbortSignal.timeout(RELEASE_MS) });
    } catch {
      // the lease expires by itself
    }
  }

  async #take(): Promise<void> {
    const ABSENT = { IfNoneMatch: '*' } as const;
    if (this.#abilities.create && (await this.#write(ABSENT))) return;
    const found = await this.#bucket.read(LEASE, LEASE_BYTES);
    if (found !== undefined) this.#assertOver(found);
    else if (this.#abilities.create && (await this.#write(ABSENT)))
      return; // another run has just released it
    else if (this.#abilities.create) throw this.#busy();
    this.inherited = parse(found?.text ?? '')?.uploads ?? [];
    for (const upload of this.inherited) this.#uploads.add(upload);
    const condition = found === undefined ? undefined : unchanged(found.tag, this.#abilities);
    if (!(await this.#write(condition))) throw this.#busy();
    if (condition !== undefined) return;
    await wait(this.#times.settle);
    if (!(await this.#isOurs())) throw this.#busy();
  }

  /** Writes the lease; `false` if the condition does not hold. If the answer was lost, reads what the store has. */
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
    if (left > -CLOCK_STEP_MS) throw this.#busy(left);
  }

  #busy(left = this.#times.lease): StoreError {
    const seconds = Math.max(1, Math.ceil((left + CLOCK_STEP_MS) / 1000));
    return new StoreError('store/busy', `another run is publishing to ${this.#bucket.where}`, {
      advice: `Run this again once it has ended. If it was killed, wait ${counted(seconds, 'second')}`,
    });
  }
}

/** Time to remove the lease in, when a run ends. */
const RELEASE_MS = 5000;
/** Uncertainty of the time of the store: both times come in whole seconds. */
const CLOCK_STEP_MS = 2000;

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

/** Reads two clocks: one stands still while the machine sleeps, the other may be set. */
function clocks(): { steady: number; wall: number } {
  return { steady: performance.now(), wall: Date.now() };
}

/** Milliseconds since then, by the clock that moved further. */
function since(then: { steady: number; wall: number }): number {
  const now = clocks();
  return Math.max(now.steady - then.steady, now.wall - then.wall);
}
