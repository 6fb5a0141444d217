/** CRC-32 of gzip (RFC 1952 §8), four bytes at a time. */
export class Crc32 {
  #value = 0xffffffff | 0;

  update(bytes: Uint8Array): void {
    const whole = bytes.length - (bytes.length & 3);
    let crc = this.#value;
    let at = 0;
    while (at < whole) {
      crc ^= (bytes[at++] as number) | ((bytes[at++] as number) << 8) | ((bytes[at++] as number) << 16);
      crc ^= (bytes[at++] as number) << 24;
      crc =
        (TABLE[768 + (crc & 0xff)] as number) ^
        (TABLE[512 + ((crc >>> 8) & 0xff)] as number) ^
        (TABLE[256 + ((crc >>> 16) & 0xff)] as number) ^
        (TABLE[crc >>> 24] as number);
    }
    while (at < bytes.length) crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[at++] as number)) & 0xff] as number);
    this.#value = crc;
  }

  /** Of all bytes so far. */
  get value(): number {
    return ~this.#value >>> 0;
  }
}

/** Row n holds the effect of a byte with n bytes behind it. */
const TABLE = new Int32Array(4 * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  TABLE[byte] = crc;
}
for (let at = 256; at < TABLE.length; at++) {
  const before = TABLE[at - 256] as number;
  TABLE[at] = (before >>> 8) ^ (TABLE[before & 0xff] as number);
}
