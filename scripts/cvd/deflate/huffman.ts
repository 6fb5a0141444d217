/**
 * Builds Huffman codes like stock zlib (trees.c). Equal frequencies allow many valid codes, and only one of them gives
 * the same bytes. RFC 1951 §3.2 describes the format.
 */

const MAX_BITS = 15;

/** Codes of one alphabet. Count its frequencies, then `build` makes lengths and codes of them. */
export class Huffman {
  readonly frequencies: Uint16Array;
  readonly lengths: Uint16Array;
  readonly codes: Uint16Array;
  /** Bits of all counted symbols in these codes, extra bits included. */
  bits = 0;
  /** Last symbol that has a code. */
  last = 0;
  readonly #size: number;
  readonly #extra: (symbol: number) => number;
  readonly #maxLength: number;

  /** `extra`: number of bits behind a symbol's code. */
  constructor(size: number, extra: (symbol: number) => number, maxLength = MAX_BITS) {
    this.#size = size;
    this.#extra = extra;
    this.#maxLength = maxLength;
    const nodes = 2 * size + 1;
    this.frequencies = new Uint16Array(nodes);
    this.lengths = new Uint16Array(nodes);
    this.codes = new Uint16Array(size);
  }

  clear(): void {
    this.frequencies.fill(0);
  }

  /** Makes lengths and codes, for at least two symbols, as inflate requires. Source: build_tree(). */
  build(): void {
    const { frequencies, lengths } = this;
    const heap = new Heap(frequencies);
    this.bits = 0;
    for (let symbol = 0; symbol < this.#size; symbol++) {
      lengths[symbol] = 0;
      if (frequencies[symbol] !== 0) {
        heap.append(symbol);
        this.last = symbol;
      }
    }
    if (heap.size === 0) this.last = -1;
    let free = 0; // bits counted below for symbols that never occur
    while (heap.size < 2) {
      const forced = this.last < 2 ? ++this.last : 0;
      frequencies[forced] = 1;
      heap.append(forced);
      free++;
    }
    this.#setLengths(heap.intoTree(this.#size));
    this.bits -= free;
    assignCodes(lengths, this.codes, this.last);
  }

  /** Sets lengths by depth from the root, cut at the longest one allowed. Source: gen_bitlen(). */
  #setLengths({ order, parents }: Tree): void {
    const { frequencies, lengths, last } = this;
    const longest = this.#maxLength;
    const counts = new Uint16Array(MAX_BITS + 2);
    let overflow = 0;
    lengths[order[0] ?? 0] = 0;
    for (let at = 1; at < order.length; at++) {
      const node = order[at] ?? 0;
      let length = (lengths[parents[node] ?? 0] ?? 0) + 1;
      if (length > longest) {
        length = longest;
        overflow++;
      }
      lengths[node] = length;
      if (node > last) continue;
      counts[length] = (counts[length] ?? 0) + 1;
      this.bits += (frequencies[node] ?? 0) * (length + this.#extra(node));
    }
    if (overflow === 0) return;
    for (; overflow > 0; overflow -= 2) {
      let length = longest - 1;
      while (counts[length] === 0) length--;
      counts[length] = (counts[length] ?? 0) - 1;
      counts[length + 1] = (counts[length + 1] ?? 0) + 2;
      counts[longest] = (counts[longest] ?? 0) - 1;
    }
    let at = order.length;
    for (let length = longest; length > 0; length--) {
      for (let count = counts[length] ?? 0; count > 0; ) {
        const node = order[--at] ?? 0;
        if (node > last) continue;
        this.bits += (length - (lengths[node] ?? 0)) * (frequencies[node] ?? 0);
        lengths[node] = length;
        count--;
      }
    }
  }
}

/** Assigns canonical codes to lengths, with their bits reversed for sending. Source: gen_codes(). */
export function assignCodes(lengths: Uint16Array, codes: Uint16Array, last: number): void {
  const counts = new Uint16Array(MAX_BITS + 1);
  for (let symbol = 0; symbol <= last; symbol++) {
    const length = lengths[symbol] ?? 0;
    if (length > 0) counts[length] = (counts[length] ?? 0) + 1;
  }
  const next = new Uint16Array(MAX_BITS + 1);
  for (let length = 1, code = 0; length <= MAX_BITS; length++) {
    code = (code + (counts[length - 1] ?? 0)) << 1;
    next[length] = code;
  }
  for (let symbol = 0; symbol <= last; symbol++) {
    const length = lengths[symbol] ?? 0;
    if (length === 0) continue;
    const code = next[length] ?? 0;
    next[length] = code + 1;
    codes[symbol] = reversed(code, length);
  }
}

export function reversed(code: number, length: number): number {
  let result = 0;
  for (let bit = 0; bit < length; bit++) result = (result << 1) | ((code >> bit) & 1);
  return result;
}

interface Tree {
  /** All nodes, root first: each one behind its parent, the least frequent last. */
  readonly order: readonly number[];
  readonly parents: Uint16Array;
}

/** Heap with the least frequent node on top, and among equals the one with the flatter tree. Source: pqdownheap(). */
class Heap {
  size = 0;
  readonly #frequencies: Uint16Array;
  readonly #depths: Uint8Array;
  readonly #nodes: Uint16Array;

  constructor(frequencies: Uint16Array) {
    this.#frequencies = frequencies;
    this.#depths = new Uint8Array(frequencies.length);
    this.#nodes = new Uint16Array(frequencies.length + 1);
  }

  append(node: number): void {
    this.#nodes[++this.size] = node;
  }

  /** Joins the two least frequent nodes until one is left. `first`: the number of the first joint node. */
  intoTree(first: number): Tree {
    const [frequencies, depths, nodes] = [this.#frequencies, this.#depths, this.#nodes];
    const parents = new Uint16Array(frequencies.length);
    const taken: number[] = [];
    for (let at = this.size >> 1; at >= 1; at--) this.#sink(at);
    for (let joint = first; this.size >= 2; joint++) {
      const least = nodes[1] ?? 0;
      nodes[1] = nodes[this.size--] ?? 0;
      this.#sink(1);
      const second = nodes[1] ?? 0;
      taken.push(least, second);
      frequencies[joint] = (frequencies[least] ?? 0) + (frequencies[second] ?? 0);
      depths[joint] = Math.max(depths[least] ?? 0, depths[second] ?? 0) + 1;
      parents[least] = joint;
      parents[second] = joint;
      nodes[1] = joint;
      this.#sink(1);
    }
    taken.push(nodes[1] ?? 0);
    return { order: taken.reverse(), parents };
  }

  #sink(from: number): void {
    const nodes = this.#nodes;
    const node = nodes[from] ?? 0;
    let at = from;
    for (let child = at << 1; child <= this.size; child <<= 1) {
      if (child < this.size && this.#less(nodes[child + 1] ?? 0, nodes[child] ?? 0)) child++;
      if (this.#less(node, nodes[child] ?? 0)) break;
      nodes[at] = nodes[child] ?? 0;
      at = child;
    }
    nodes[at] = node;
  }

  #less(left: number, right: number): boolean {
    const [a, b] = [this.#frequencies[left] ?? 0, this.#frequencies[right] ?? 0];
    return a < b || (a === b && (this.#depths[left] ?? 0) <= (this.#depths[right] ?? 0));
  }
}
