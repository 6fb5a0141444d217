/** Lets one caller go at a time, until `open` lets all go. */
export class Turns {
  #isOpen = false;
  #isTaken = false;
  #waiting: (() => void)[] = [];

  /** True while a caller has the turn or waits for it. */
  get isBusy(): boolean {
    return this.#isTaken || this.#waiting.length > 0;
  }

  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** Waits for a turn. Returns a function that passes it on. */
  async next(): Promise<() => void> {
    if (!this.#isOpen && this.#isTaken) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#isTaken = true;
    let isMine = true;
    return () => {
      if (!isMine) return;
      isMine = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#isTaken = false;
      else next();
    };
  }

  /** Lets all callers go from now on. */
  open(): void {
    this.#isOpen = true;
    for (const go of this.#waiting.splice(0)) go();
  }
}
