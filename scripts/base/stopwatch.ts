/** Measures a run and its parts, one after the other. */
export class Stopwatch {
  readonly #onBegin: ((part: string) => void) | undefined;
  readonly #begun = performance.now();
  readonly #times = new Map<string, number>();
  #part: { readonly name: string; readonly begun: number } | undefined;

  /** `onBegin` hears of each part. */
  constructor(onBegin?: (part: string) => void) {
    this.#onBegin = onBegin;
  }

  /** Ends the part that is under way, if one is, and begins the next. */
  begin(name: string): void {
    this.#end();
    this.#onBegin?.(name);
    this.#part = { name, begun: performance.now() };
  }

  /** Ends the last part. In seconds: the whole, and each part. */
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

/** Whole milliseconds, as seconds. */
export function secondsSince(begun: number): number {
  return Math.round(performance.now() - begun) / 1000;
}
