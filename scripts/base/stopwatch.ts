/** Measures a run and its steps, one after the other. */
export class Stopwatch {
  readonly #onBegin: ((step: string) => void) | undefined;
  readonly #begun = performance.now();
  readonly #times = new Map<string, number>();
  #step: { readonly name: string; readonly begun: number } | undefined;

  /** `onBegin` is called with the name of each step. */
  constructor(onBegin?: (step: string) => void) {
    this.#onBegin = onBegin;
  }

  /** Ends the current step, if there is one, and begins the next. */
  begin(name: string): void {
    this.#end();
    this.#onBegin?.(name);
    this.#step = { name, begun: performance.now() };
  }

  /** Seconds so far. */
  get elapsed(): number {
    return secondsSince(this.#begun);
  }

  /** Ends the last step. Returns seconds: of the whole, and of each step. */
  read(): { duration: number; times: Record<string, number> } {
    this.#end();
    return { duration: secondsSince(this.#begun), times: Object.fromEntries(this.#times) };
  }

  #end(): void {
    if (this.#step !== undefined) {
      const { name, begun } = this.#step;
      this.#times.set(name, (this.#times.get(name) ?? 0) + secondsSince(begun));
    }
    this.#step = undefined;
  }
}

/** Seconds since `begun`, a time of `performance.now()`, to the millisecond. */
export function secondsSince(begun: number): number {
  return Math.round(performance.now() - begun) / 1000;
}
