import { OID_BYTES } from '../../base/limits/databases.ts';
import { VerifyError } from '../error.ts';

/** Identifier octets of a CMS SignedData and its certificates. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Context-specific tag [n], constructed. */
export const explicit = (n: number): number => 0xa0 | n;

/** One element: its content, and its whole encoding. */
export interface Der {
  readonly content: Buffer;
  readonly encoded: Buffer;
}

/**
 * Reads the elements of a constructed value one after the other, each with the tag that the schema requires. Strict
 * DER (ITU-T X.690 §10): definite lengths in their shortest form, nothing behind the last element. Reads only what it
 * is asked for, so the schema bounds its work: @sigstore/core's reader tries every OCTET STRING as a nested element,
 * and 82 bytes of those keep it busy for seconds.
 *
 * All methods throw `verify/sign-format`, which names `what` is read.
 */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  constructor(content: Uint8Array, what: string) {
    this.#bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    this.#what = what;
  }

  /** True while elements are left. */
  get more(): boolean {
    return this.#at < this.#bytes.length;
  }

  /** The next element, which must have this tag. */
  take(tag: number): Der {
    const element = this.maybe(tag);
    if (element === undefined) throw malformed(this.#what, `byte ${this.#at} is not the tag ${hex(tag)}`);
    return element;
  }

  /** The next element if it has this tag. */
  maybe(tag: number): Der | undefined {
    return this.#bytes[this.#at] === tag ? this.#next() : undefined;
  }

  /** A reader over the next element's content. */
  into(tag: number): DerReader {
    return new DerReader(this.take(tag).content, this.#what);
  }

  /** Requires that no element is left. */
  end(): void {
    if (this.more) throw malformed(this.#what, `byte ${this.#at} is one too many`);
  }

  oid(): string {
    const { content } = this.take(TAG.oid);
    if (content.length > OID_BYTES) throw malformed(this.#what, 'an object identifier is too long');
    const arcs: bigint[] = [];
    let arc = 0n;
    let start = true;
    for (const byte of content) {
      if (start && byte === 0x80) throw malformed(this.#what, 'an object identifier is padded');
      arc = (arc << 7n) | BigInt(byte & 0x7f);
      start = byte < 0x80;
      if (start) arcs.push(arc);
      if (start) arc = 0n;
    }
    const [head, ...rest] = arcs;
    if (head === undefined || !start) throw malformed(this.#what, 'an object identifier is cut off');
    const first = head < 80n ? head / 40n : 2n;
    return [first, head - first * 40n, ...rest].join('.');
  }

  /** A BOOLEAN, which is FALSE if it is absent. An explicit FALSE is tolerated. */
  flag(): boolean {
    const content = this.maybe(TAG.boolean)?.content;
    if (content === undefined) return false;
    if (content.length !== 1 || (content[0] !== 0x00 && content[0] !== 0xff)) {
      throw malformed(this.#what, 'a BOOLEAN is neither 00 nor ff');
    }
    return content[0] === 0xff;
  }

  /** Bytes of an INTEGER. */
  integer(): Buffer {
    const { content } = this.take(TAG.integer);
    const [first, second] = content;
    const padded = (first === 0x00 && Number(second) < 0x80) || (first === 0xff && Number(second) >= 0x80);
    if (first === undefined || padded) throw malformed(this.#what, 'an INTEGER is not in its shortest form');
    return content;
  }

  /** An INTEGER from 0 to 127. */
  smallInteger(): number {
    const content = this.integer();
    const [value] = content;
    if (content.length !== 1 || value === undefined || value > 0x7f) {
      throw malformed(this.#what, 'an INTEGER is out of range');
    }
    return value;
  }

  /** Bytes of a BIT STRING, and the number of unused bits in the last one. */
  bits(): { bytes: Buffer; unused: number } {
    const { content } = this.take(TAG.bitString);
    const [unused] = content;
    const bytes = content.subarray(1);
    if (unused === undefined || unused > (bytes.length === 0 ? 0 : 7)) {
      throw malformed(this.#what, 'a BIT STRING is malformed');
    }
    if (((bytes.at(-1) ?? 0) & ((1 << unused) - 1)) !== 0) {
      throw malformed(this.#what, 'the unused bits of a BIT STRING are not zero');
    }
    return { bytes, unused };
  }

  /** A UTCTime (1950 to 2049) or a GeneralizedTime, in whole seconds and in UTC. */
  time(): Date {
    const utc = this.maybe(TAG.utcTime);
    const text = (utc ?? this.take(TAG.generalizedTime)).content.toString('latin1');
    const century = utc === undefined ? '' : Number(text.slice(0, 2)) < 50 ? '20' : '19';
    const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(century + text);
    const [, year, month, day, hour, minute, second] = match ?? [];
    const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
    const time = new Date(iso);
    // The round trip also refuses 30 February, which Date would make 2 March.
    if (Number.isNaN(time.getTime()) || time.toISOString() !== iso) {
      throw malformed(this.#what, `${JSON.stringify(text.slice(0, 32))} is not a time`);
    }
    return time;
  }

  #next(): Der {
    const start = this.#at;
    let at = start + 1;
    const first = this.#bytes[at++];
    let length = first ?? 0;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count < 1 || count > 3) throw malformed(this.#what, `byte ${start + 1} is not a length we accept`);
      length = 0;
      for (let index = 0; index < count; index++) length = length * 256 + (this.#bytes[at++] ?? 0);
      if (length < 0x80 || length < 256 ** (count - 1)) {
        throw malformed(this.#what, `the length at byte ${start + 1} is not in its shortest form`);
      }
    }
    if (first === undefined || at + length > this.#bytes.length) {
      throw malformed(this.#what, `the element at byte ${start} is cut off`);
    }
    this.#at = at + length;
    return { content: this.#bytes.subarray(at, this.#at), encoded: this.#bytes.subarray(start, this.#at) };
  }
}

/** A reader over exactly one SEQUENCE, which the bytes must be. */
export function readSequence(bytes: Uint8Array, what: string): DerReader {
  const outer = new DerReader(bytes, what);
  const inner = outer.into(TAG.sequence);
  outer.end();
  return inner;
}

export function malformed(what: string, why: string): VerifyError {
  return new VerifyError('verify/sign-format', `${what} is malformed: ${why}`);
}

function hex(tag: number): string {
  return tag.toString(16).padStart(2, '0');
}
