const SLOT_SIZE = 256 * 1024;
/** Slots of the ring, by which one thread may be ahead of the other. */
const SLOTS = 8;

/** Bytes of a slot that is passed on although it is not full, because what follows is from somewhere else. */
const LEAST_SIZE = 4096;

/** Index of each counter in `control`. */
const WRITTEN = 0;
const READ = 1;
const LENGTHS = 2;

/** Ring of slots in the shared memory of two threads: nothing is allocated or copied between them. */
export interface Pipe {
  readonly slots: SharedArrayBuffer;
  readonly control: Int32Array<SharedArrayBuffer>;
  /** Place of each slot's bytes in the old tar, or `NaN`. */
  readonly places: Float64Array<SharedArrayBuffer>;
}

/** Bytes with their place in the old tar, if they are from there. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly place: number | undefined;
}

export function makePipe(): Pipe {
  return {
    slots: new SharedArrayBuffer(SLOT_SIZE * SLOTS),
    control: new Int32Array(new SharedArrayBuffer(4 * (LENGTHS + SLOTS))),
    places: new Float64Array(new SharedArrayBuffer(8 * SLOTS)),
  };
}

/**
 * Sends `chunks`, then an empty slot as the end. Blocks its thread while the ring is full. A slot has one place: what is
 * short and from somewhere else than the bytes before it makes the slot one without.
 */
export function sendAll(
  { slots, control, places }: Pipe,
  chunks: Iterable<Uint8Array>,
  placeOf: (chunk: Uint8Array) => number | undefined = () => undefined,
): void {
  let written = 0;
  let used = 0;
  let place = Number.NaN;
  const slot = () => new Uint8Array(slots, (written % SLOTS) * SLOT_SIZE, SLOT_SIZE);
  const pass = () => {
    control[LENGTHS + (written % SLOTS)] = used;
    places[written % SLOTS] = place;
    used = 0;
    written++;
    Atomics.store(control, WRITTEN, written);
    Atomics.notify(control, WRITTEN);
    waitUntil(control, READ, (read) => written - read < SLOTS);
  };
  for (const chunk of chunks) {
    if (chunk.length === 0) continue;
    const start = placeOf(chunk) ?? Number.NaN;
    const goesOn = () => (Number.isNaN(start) ? Number.isNaN(place) : start === place + used);
    if (used >= LEAST_SIZE && !goesOn()) pass();
    if (used === 0) place = start;
    else if (!goesOn()) place = Number.NaN;
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + SLOT_SIZE - used);
      slot().set(part, used);
      used += part.length;
      at += part.length;
      if (used < SLOT_SIZE) continue;
      pass();
      place = start + at;
    }
  }
  if (used > 0) pass();
  pass();
}

/** Receives the bytes as they come. Each piece is only valid until the next one is asked for. */
export function* receiveAll({ slots, control, places }: Pipe): Generator<Piece> {
  for (let read = 0; ; read++) {
    waitUntil(control, WRITTEN, (written) => written > read);
    const length = control[LENGTHS + (read % SLOTS)] ?? 0;
    if (length === 0) return;
    const place = places[read % SLOTS] ?? Number.NaN;
    const bytes = new Uint8Array(slots, (read % SLOTS) * SLOT_SIZE, length);
    yield { bytes, place: Number.isNaN(place) ? undefined : place };
    Atomics.store(control, READ, read + 1);
    Atomics.notify(control, READ);
  }
}

function waitUntil(
  control: Int32Array<SharedArrayBuffer>,
  at: number,
  done: (value: number) => boolean,
): void {
  for (let value = Atomics.load(control, at); !done(value); value = Atomics.load(control, at)) {
    Atomics.wait(control, at, value);
  }
}
