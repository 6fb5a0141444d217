const SLOT_SIZE = 256 * 1024;
/** Slots of the ring, by which one thread may be ahead of the other. */
const SLOTS = 8;

/** Index of each counter in `control`. */
const WRITTEN = 0;
const READ = 1;
const LENGTHS = 2;

/** Ring of slots in the shared memory of two threads: nothing is allocated or copied between them. */
export interface Pipe {
  readonly slots: SharedArrayBuffer;
  readonly control: Int32Array<SharedArrayBuffer>;
}

export function makePipe(): Pipe {
  return {
    slots: new SharedArrayBuffer(SLOT_SIZE * SLOTS),
    control: new Int32Array(new SharedArrayBuffer(4 * (LENGTHS + SLOTS))),
  };
}

/** Sends `chunks`, then an empty slot as the end. Blocks its thread while the ring is full. */
export function sendAll({ slots, control }: Pipe, chunks: Iterable<Uint8Array>): void {
  let written = 0;
  let used = 0;
  const slot = () => new Uint8Array(slots, (written % SLOTS) * SLOT_SIZE, SLOT_SIZE);
  const pass = () => {
    control[LENGTHS + (written % SLOTS)] = used;
    used = 0;
    written++;
    Atomics.store(control, WRITTEN, written);
    Atomics.notify(control, WRITTEN);
    waitUntil(control, READ, (read) => written - read < SLOTS);
  };
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + SLOT_SIZE - used);
      slot().set(part, used);
      used += part.length;
      at += part.length;
      if (used === SLOT_SIZE) pass();
    }
  }
  if (used > 0) pass();
  pass();
}

/** Receives the chunks as they come. Each one is only valid until the next one is asked for. */
export function* receiveAll({ slots, control }: Pipe): Generator<Uint8Array> {
  for (let read = 0; ; read++) {
    waitUntil(control, WRITTEN, (written) => written > read);
    const length = control[LENGTHS + (read % SLOTS)] ?? 0;
    if (length === 0) return;
    yield new Uint8Array(slots, (read % SLOTS) * SLOT_SIZE, length);
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
