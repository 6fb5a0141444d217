/**
 * DER with one element changed and all lengths around it made right again. `path`: the index of the element among
 * its siblings, at each depth, below the outermost one.
 */
export function rewrite(
  der: Uint8Array,
  path: readonly number[],
  change: (element: Buffer) => Uint8Array,
): Buffer {
  const [at, ...deeper] = path;
  if (at === undefined) return Buffer.from(change(Buffer.from(der)));
  const parts = elements(contentOf(der)).map((element, index) =>
    index === at ? rewrite(element, deeper, change) : element,
  );
  return encodeDer(der[0] ?? 0, ...parts);
}

/** One element of DER around these parts. */
export function encodeDer(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const size = Buffer.from(content.length.toString(16).padStart(content.length < 256 ? 2 : 4, '0'), 'hex');
  const length = content.length < 128 ? [content.length] : [0x80 | size.length, ...size];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function contentOf(der: Uint8Array): Uint8Array {
  const first = der[1] ?? 0;
  return der.subarray(first < 0x80 ? 2 : 2 + (first & 0x7f));
}

function elements(content: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let rest = content; rest.length > 0; ) {
    const [first = 0, ...more] = rest.subarray(1, 4);
    const count = first < 0x80 ? 0 : first & 0x7f;
    const size = count === 0 ? first : more.slice(0, count).reduce((sum, byte) => sum * 256 + byte, 0);
    found.push(rest.subarray(0, 2 + count + size));
    rest = rest.subarray(2 + count + size);
  }
  return found;
}
