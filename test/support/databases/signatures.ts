/** How the lines of the commonest databases look, made of pseudorandom hex digits and a number. */
const FORMS: readonly ((hex: (digits: number) => string, id: number) => string)[] = [
  (hex, id) => `${hex(32)}:${((id * 37) % 900_000) + 1}:Win.Trojan.Agent-${6_000_000 + id}\n`,
  (hex, id) => `${hex(64)}:${((id * 53) % 900_000) + 1}:Win.Malware.Generic-${9_000_000 + id}:73\n`,
  (hex, id) => `Win.Packed.Sample-${id};Engine:51-255,Target:1;0&1;${hex(48)}*${hex(32)}::wi;${hex(24)}\n`,
  (hex, id) => `Html.Phishing.Bank-${id}:3:*:${hex(40)}{-20}${hex(40)}\n`,
];

/** One made-up signature with its newline: always the same for the same form, number and edition. */
export function signatureLine(form: number, id: number, edition = 1): string {
  let state = Math.imul(id + 1, 0x9e3779b1) ^ Math.imul(edition, 0x85ebca6b);
  const hex = (digits: number) => {
    let text = '';
    while (text.length < digits) {
      state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
      state = Math.imul(state ^ (state >>> 12), 0x297a2d39) + 0x6d2b79f5;
      text += (state >>> 0).toString(16).padStart(8, '0');
    }
    return text;
  };
  return FORMS[form % FORMS.length]?.(hex, id) ?? '';
}

/** About so many bytes of made-up signatures, which compress about as well as real ones. */
export function* signatureLines(bytes: number): Generator<Buffer> {
  let text = '';
  for (let id = 0, total = 0; total < bytes; id++) {
    const line = signatureLine(Math.floor(id / 1000), id);
    total += line.length;
    text += line;
    if (text.length < 64 * 1024 && total < bytes) continue;
    yield Buffer.from(text, 'latin1');
    text = '';
  }
}
