/** Measures a run and its parts, one after the other. */
export class Stopwatch {
  readonly #onBegin: ((part: string) => void) | undefined;
  readonly #begun = performance.now();
  readonly #times = new Map<string, number>();
  #part: { readonly name: string; readonly begun: number } | undefined;

  /** `onBegin` is called with the name of each part. */
  constructor(onBegin?: (part: string) => void) {
    this.#onBegin = onBegin;
  }

  /** Ends the current part, if there is one, and begins the next. */
  begin(name: string): void {
    this.#end();
    this.#onBegin?.(name);
    this.#part = { name, begun: performance.now() };
  }

  /** Ends the last part. Returns the seconds of the whole and of each part. */
  read(): { duration: number; times: Record<string, number> } {
    this.#end();
    return { duration: secondsSince(this.#begun), times: Object.fromEntries(this.#times) };
  }

  #end(): void {
    if (this.#part !== undefined) {
      const { name, begun } = this.#part;
      this.#times.set(name, (this.#times.get(name) ?? 0) + secondsSince(begun));
    }
    this.#part = undefined;
  }
}

/** Seconds since `begun`, a time of `performance.now()`, to the millisecond. */
export function secondsSince(begun: number): number {
  return Math.round(performance.now() - begun) / 1000;
}
