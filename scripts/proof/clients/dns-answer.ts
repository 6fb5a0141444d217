import { AUTHORITATIVE_ANSWER, decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet';

/** TXT records by name. */
export type TextRecords = ReadonlyMap<string, string>;

/**
 * Checks records and returns them by lower-case name. Throws `RangeError` for a record with an invalid name, or one
 * that does not fit into a datagram.
 */
export function textRecords(records: TextRecords): TextRecords {
  for (const [name, text] of records) {
    const isName = name.split('.').every((label) => /^[a-z0-9_-]{1,63}$/i.test(label));
    const { length } = encode({ questions: [questionFor(name)], answers: [answerFor(name, text)] });
    if (!isName || length > DATAGRAM_SIZE)
      throw new RangeError(`${name} cannot be a TXT record of ${length} bytes`);
  }
  return new Map([...records].map(([name, text]) => [name.toLowerCase(), text]));
}

/**
 * Reply to a datagram; `undefined` if it is not a query. `onQuestion` receives the name of the question in lower case.
 * Names without a record do not exist.
 */
export function replyTo(
  datagram: Buffer,
  records: TextRecords,
  onQuestion: (name: string) => void,
): Buffer | undefined {
  if (datagram.length < HEADER_SIZE) return undefined;
  const [id, flags] = [datagram.readUInt16BE(0), datagram.readUInt16BE(2)];
  if ((flags & RESPONSE) !== 0) return undefined;
  const reply = (code: number, packet: Packet = {}) => {
    const repeated = flags & (OPCODE | RECURSION_DESIRED);
    return encode({ type: 'response', id, flags: AUTHORITATIVE_ANSWER | repeated | code, ...packet });
  };
  if ((flags & OPCODE) !== 0) return reply(NOT_IMPLEMENTED);
  const question = onlyQuestion(datagram);
  if (question === undefined) return reply(FORMAT_ERROR);
  const { name, type, class: network } = question;
  onQuestion(name.toLowerCase());
  const text = records.get(name.toLowerCase());
  if (text === undefined) return reply(NAME_ERROR, { questions: [question] });
  const isForText = type === 'TXT' && network === 'IN';
  return reply(NO_ERROR, { questions: [question], answers: isForText ? [answerFor(name, text)] : [] });
}

const HEADER_SIZE = 12;
/** Limit of a datagram without further agreement (RFC 1035 §4.2.1). */
const DATAGRAM_SIZE = 512;
/** Seconds that a resolver may keep an answer for. */
const TTL_SECONDS = 1;
/** Bytes of one string in a TXT record (§3.3.14). */
const STRING_SIZE = 255;
const [NO_ERROR, FORMAT_ERROR, NAME_ERROR, NOT_IMPLEMENTED] = [0, 1, 3, 4];
const [RESPONSE, OPCODE] = [0x8000, 0x7800];

function onlyQuestion(datagram: Buffer) {
  try {
    const [question, ...others] = decode(datagram).questions ?? [];
    return others.length === 0 ? question : undefined;
  } catch {
    return undefined; // any error: those of dns-packet have no class or code
  }
}

function questionFor(name: string) {
  return { name, type: 'TXT', class: 'IN' } as const;
}

function answerFor(name: string, text: string) {
  const bytes = Buffer.from(text, 'utf8');
  const data: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += STRING_SIZE)
    data.push(bytes.subarray(at, at + STRING_SIZE));
  return { ...questionFor(name), ttl: TTL_SECONDS, data };
}
