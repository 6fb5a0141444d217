import { setTimeout as wait } from 'node:timers/promises';
import type { Version, Versions } from './versions.ts';

/** CDIFFs that a mirror keeps: more than are published while a client of four versions before updates. */
export const WINDOW = 16;
/** The first version of a mirror: a client may be further behind than its CDIFFs go. */
const FIRST = 2 * WINDOW;
/** Between two publications, at most. Milliseconds. */
const PAUSE = 400;

/** When clients could see the first of a version, and from when on nothing else. Milliseconds of one clock. */
interface Commit {
  readonly version: number;
  begun: number;
  done: number;
}

/** Makes a version the published one; tells when the first of it and when all of it is there for clients. */
export type Publisher = (version: Version, seen: { begun(): void; done(): void }) => Promise<void>;

/** A mirror that goes from version to version, and knows what its clients may see at any time. */
export class Mirror {
  readonly versions: Versions;
  #publisher: Publisher;
  readonly #commits: Commit[] = [];
  #latest = FIRST - 1;

  private constructor(versions: Versions, publisher: Publisher) {
    this.versions = versions;
    this.#publisher = publisher;
  }

  /** With the first version published. */
  static async open(versions: Versions, publisher: Publisher): Promise<Mirror> {
    const mirror = new Mirror(versions, publisher);
    await mirror.publishNext();
    return mirror;
  }

  /** From now on. */
  publishBy(publisher: Publisher): void {
    this.#publisher = publisher;
  }

  /** Publications after the first. */
  get publications(): number {
    return this.#commits.length - 1;
  }

  /** The newest version that is all there. */
  get newest(): number {
    return this.seen(performance.now(), performance.now()).lowest;
  }

  /** What a client may get that asks from one moment to another. */
  seen(begin: number, end: number): { lowest: number; highest: number } {
    const lowest = this.#commits.findLast(({ done }) => done <= begin)?.version ?? 0;
    const highest = this.#commits.findLast(({ begun }) => begun <= end)?.version ?? 0;
    return { lowest, highest };
  }

  /** Publishes one version after the other, now and then with a pause, until `isOver`. */
  async publish(isOver: () => boolean, random: () => number): Promise<void> {
    while (!isOver()) {
      await this.publishNext();
      await wait(random() * PAUSE);
    }
  }

  async publishNext(): Promise<void> {
    const version = await this.versions.get(++this.#latest);
    const commit = { version: version.version, begun: Number.NaN, done: Number.POSITIVE_INFINITY };
    await this.#publisher(version, {
      begun: () => {
        commit.begun = performance.now();
        this.#commits.push(commit);
      },
      done: () => {
        commit.done = performance.now();
      },
    });
    if (!Number.isFinite(commit.done)) throw new Error(`version ${version.version} was not published`);
  }
}
