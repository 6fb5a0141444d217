/** Extra bits behind the code of a length, and behind that of a distance (RFC 1951 §3.2.5). */
export const LENGTH_EXTRA = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
export const DISTANCE_EXTRA = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
/** Order in which the lengths of the code lengths' codes are sent (RFC 1951 §3.2.7). */
export const LENGTH_CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Codes by length minus 3 and by distance minus 1, and the first value of each code. */
export const [lengthCode, lengthBase] = ranges(LENGTH_EXTRA, 256);
export const [distanceCode, distanceBase] = ranges(DISTANCE_EXTRA, 32_768);
lengthCode[255] = 28; // 258 has a code of its own, without extra bits
lengthBase[28] = 255;

/** Code of every value below `size`, and first value of each code. `extra`: the extra bits of each code. */
function ranges(extra: readonly number[], size: number): [codes: Uint8Array, bases: Uint16Array] {
  const codes = new Uint8Array(size);
  const bases = new Uint16Array(extra.length);
  let value = 0;
  for (const [code, bits] of extra.entries()) {
    bases[code] = value;
    for (let count = 1 << bits; count > 0 && value < size; count--) codes[value++] = code;
  }
  return [codes, bases];
}
