/** Formats of signatures, by the extension of the files that hold them. */
export type Form = keyof typeof FORMS;

/** How a signature of each format looks: made of pseudorandom hex digits and numbers, and of a name that counts up. */
const FORMS = {
  hdb: (pen: Pen) => pen.hex(32).text(':').number(900_000, 1).text(':').name().text('\n'),
  hsb: (pen: Pen) => pen.hex(64).text(':').number(900_000, 1).text(':').name().text(':73\n'),
  ldb: (pen: Pen) =>
    pen
      .name()
      .text(';Engine:51-255,Target:1;(0|1)&2;')
      .hex(48)
      .text('*')
      .hex(32)
      .text('::wi;')
      .hex(24)
      .text(';')
      .hex(200)
      .text('\n'),
  ndb: (pen: Pen) => pen.name().text(':3:*:').hex(40).text('{-20}').hex(40).text('\n'),
  mdb: (pen: Pen) => pen.number(400, 512).text(':').hex(32).text(':').name().text('\n'),
  msb: (pen: Pen) => pen.number(400, 512).text(':').hex(64).text(':').name().text(':73\n'),
};

const ALL_FORMS = Object.keys(FORMS) as Form[];

const FAMILIES = [
  ...[
    'Win.Trojan.Agent',
    'Win.Malware.Generic',
    'Win.Packed.Upatre',
    'Win.Trojan.Zbot',
    'Win.Dropper.Gh0stRAT',
  ],
  ...[
    'Win.Ransomware.Cerber',
    'Doc.Downloader.Emotet',
    'Win.Virus.Virut',
    'Win.Adware.Dealply',
    'Unix.Trojan.Mirai',
  ],
  ...[
    'Win.Worm.Allaple',
    'Html.Phishing.Bank',
    'Win.Keylogger.Tesla',
    'Andr.Malware.Hiddad',
    'Js.Trojan.Redir',
  ],
].map((family) => Buffer.from(family, 'latin1'));

const HEX_DIGITS = Buffer.from('0123456789abcdef', 'latin1');

/** No signature is longer. */
const LONGEST = 512;

/** A buffer into which made-up signatures are written, always the same for the same form, number and edition. */
export class Pen {
  readonly #bytes: Buffer;
  #used = 0;
  #state = 0;
  #id = 0;

  constructor(size = LONGEST) {
    this.#bytes = Buffer.alloc(size);
  }

  /** Whether another signature may not fit. */
  get full(): boolean {
    return this.#bytes.length - this.#used < LONGEST;
  }

  /** Writes one signature with its newline. */
  line(form: Form, id: number, edition = 1): void {
    this.#state = Math.imul(id + 1, 0x9e3779b1) ^ Math.imul(edition, 0x85ebca6b);
    this.#id = id;
    FORMS[form](this);
  }

  /** A copy of what was written since the last time. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#used));
    this.#used = 0;
    return taken;
  }

  text(text: string): this {
    for (let at = 0; at < text.length; at++) this.#bytes[this.#used++] = text.charCodeAt(at);
    return this;
  }

  hex(digits: number): this {
    for (let left = digits; left > 0; left -= 8) {
      const value = this.#random();
      for (let shift = 28; shift >= 0; shift -= 4) {
        this.#bytes[this.#used++] = HEX_DIGITS[(value >>> shift) & 15] as number;
      }
    }
    return this;
  }

  /** One of the first multiples of `unit`. */
  number(count: number, unit: number): this {
    return this.text(String(((this.#random() % count) + 1) * unit));
  }

  /** Neighbours often belong to one family. */
  name(): this {
    const family = FAMILIES[(Math.imul(this.#id >>> 5, 0x9e3779b1) >>> 16) % FAMILIES.length] as Buffer;
    this.#bytes.set(family, this.#used);
    this.#used += family.length;
    return this.text(`-${6_000_000 + this.#id}-0`);
  }

  #random(): number {
    const mixed = Math.imul(this.#state ^ (this.#state >>> 15), 0x2c1b3c6d);
    this.#state = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39) + 0x6d2b79f5;
    return (this.#state ^ (this.#state >>> 15)) >>> 0;
  }
}

/** One made-up signature with its newline, of a format given by name or by number. */
export function signatureLine(form: Form | number, id: number, edition = 1): string {
  const pen = new Pen();
  pen.line(typeof form === 'string' ? form : formOf(form), id, edition);
  return pen.take().toString('latin1');
}

/** About so many bytes of made-up signatures of all formats, which compress about as well as real ones. */
export function* signatureLines(bytes: number): Generator<Buffer> {
  const pen = new Pen(64 * 1024);
  for (let id = 0, total = 0; total < bytes; ) {
    while (!pen.full) {
      pen.line(formOf(Math.floor(id / 1000)), id++);
    }
    const chunk = pen.take();
    total += chunk.length;
    yield chunk;
  }
}

function formOf(number: number): Form {
  return ALL_FORMS[number % ALL_FORMS.length] as Form;
}
