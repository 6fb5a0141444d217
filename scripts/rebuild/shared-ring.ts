/** Bytes of one slot, and how many slots there are: what one thread may be ahead of the other. */
const SLOT = 256 * 1024;
const SLOTS = 8;

/** Where the counters stand in `control`. */
const WRITTEN = 0;
const READ = 1;
const LENGTHS = 2;

/** A ring of slots in memory that two threads share: nothing is allocated or copied on the way. */
export interface Pipe {
  readonly slots: SharedArrayBuffer;
  readonly control: Int32Array<SharedArrayBuffer>;
}

export function makePipe(): Pipe {
  return {
    slots: new SharedArrayBuffer(SLOT * SLOTS),
    control: new Int32Array(new SharedArrayBuffer(4 * (LENGTHS + SLOTS))),
  };
}

/** Sends `chunks` and then the end, an empty slot. Waits, in a thread of its own, while the ring is full. */
export function sendAll({ slots, control }: Pipe, chunks: Iterable<Uint8Array>): void {
  let written = 0;
  let used = 0;
  const slot = () => new Uint8Array(slots, (written % SLOTS) * SLOT, SLOT);
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
      const part = chunk.subarray(at, at + SLOT - used);
      slot().set(part, used);
      used += part.length;
      at += part.length;
      if (used === SLOT) pass();
    }
  }
  if (used > 0) pass();
  pass();
}

/** What was sent, as it comes. Each chunk is only valid until the next one is asked for. */
export function* receiveAll({ slots, control }: Pipe): Generator<Uint8Array> {
  for (let read = 0; ; read++) {
    waitUntil(control, WRITTEN, (written) => written > read);
    const length = control[LENGTHS + (read % SLOTS)] ?? 0;
    if (length === 0) return;
    yield new Uint8Array(slots, (read % SLOTS) * SLOT, length);
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
