import { OLD_CONTAINER_PASSES, PIECE_BYTES } from '../../base/limits/databases.ts';
import type { MatchListener } from '../deflate/inflate.ts';
import { CvdError } from '../error.ts';
import { CvdReader } from './reader.ts';
import { paddingOf, TAR_HEADER_SIZE, type TarEntry } from './tar.ts';

/**
 * Reads the files of a container, one at a time and in any order. The container's own order takes one pass. A file that
 * has gone by starts another one.
 */
export class OldContainer {
  readonly #open: () => Iterable<Uint8Array>;
  readonly #passed = new Set<string>();
  #events: Generator<TarEntry | Uint8Array> | undefined;
  #passes = 0;
  /** Places in the tar of the buffers that were given away. */
  readonly #places = new WeakMap<ArrayBufferLike, number>();
  readonly #match: MatchListener | undefined;

  /** `open` gives all bytes of the CVD, each time it is called. `match` gets the matches in each pass. */
  constructor(open: () => Iterable<Uint8Array>, match?: MatchListener) {
    this.#open = open;
    this.#match = match;
  }

  /**
   * Place in the tar of bytes that `read` gave, or of a part of them. They are known by their memory: a copy has no place.
   */
  placeOf(bytes: Uint8Array): number | undefined {
    const start = this.#places.get(bytes.buffer);
    return start === undefined ? undefined : start + bytes.byteOffset;
  }

  /**
   * Content of a file. Throws `CvdError`: `cvd/container` if there is no such file, `cvd/too-large` after too many
   * passes.
   */
  *read(name: string): Generator<Uint8Array> {
    if (this.#passed.has(name)) this.close();
    this.#events ??= this.#begin();
    let remaining = this.#seek(name, this.#events).size;
    while (remaining > 0) {
      const { value } = this.#events.next();
      if (!(value instanceof Uint8Array)) throw new Error(`reading ${name} was interrupted`);
      remaining -= value.length;
      yield value;
    }
  }

  /** Releases the bytes that `open` gave. */
  close(): void {
    this.#events?.return(undefined);
    this.#events = undefined;
    this.#passed.clear();
  }

  #begin(): Generator<TarEntry | Uint8Array> {
    if (++this.#passes > OLD_CONTAINER_PASSES) {
      throw new CvdError(
        'cvd/too-large',
        `the old container would be read more than ${OLD_CONTAINER_PASSES} times`,
      );
    }
    return events(this.#open(), this.#places, this.#match);
  }

  #seek(name: string, events: Generator<TarEntry | Uint8Array>): TarEntry {
    for (let event = events.next(); event.done !== true; event = events.next()) {
      if (event.value instanceof Uint8Array) continue;
      this.#passed.add(event.value.name);
      if (event.value.name === name) return event.value;
    }
    throw new CvdError('cvd/container', `${name} is not in the old container`);
  }
}

/** Entries and data of a container, in order, for a caller that pulls. */
function* events(
  chunks: Iterable<Uint8Array>,
  places: WeakMap<ArrayBufferLike, number>,
  match: MatchListener | undefined,
): Generator<TarEntry | Uint8Array> {
  const waiting: (TarEntry | Uint8Array)[] = [];
  let [place, entryEnd] = [0, 0];
  const reader = new CvdReader({
    header: () => {},
    entry: (entry) => {
      place = entryEnd + TAR_HEADER_SIZE;
      entryEnd = place + entry.size + paddingOf(entry.size);
      waiting.push(entry);
    },
    data: (chunk) => {
      const kept = new Uint8Array(chunk);
      places.set(kept.buffer, place);
      place += kept.length;
      waiting.push(kept);
    },
    match,
  });
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      reader.write(chunk.subarray(at, at + PIECE_BYTES));
      yield* waiting.splice(0);
    }
  }
  reader.end();
  yield* waiting;
}
