import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { codeOf, MirrorError } from '../../base/errors.ts';

export class NameserverError extends MirrorError<'nameserver/port-denied' | 'nameserver/address'> {}

export interface Nameserver extends AsyncDisposable {
  /** An IP address of this machine's loopback; the port is 53, since `resolv.conf` cannot name another. */
  readonly address: string;
}

/**
 * A nameserver for a proof: it answers TXT for these names over UDP, says of all others that they do not exist, and
 * asks nobody (RFC 1035 §4.1). `onQuestion` is given each name that it is asked for. Throws `NameserverError`, and
 * `RangeError` for a record that is no name or does not fit into a datagram.
 */
export async function startNameserver(
  records: ReadonlyMap<string, string>,
  onQuestion: (name: string) => void = () => {},
): Promise<Nameserver> {
  const answers = new Map([...records].map(([name, text]) => [name.toLowerCase(), encodeAnswer(name, text)]));
  const { socket, address } = await bindLoopback();
  socket.on('message', (query, client) => {
    const reply = respond(query, answers, onQuestion);
    if (reply !== undefined) socket.send(reply, client.port, client.address, () => {}); // or it asks again
  });
  socket.on('error', () => {}); // one datagram that is lost
  return {
    address,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
}

const HEADER_SIZE = 12;
/** What fits into a datagram without further agreement (§4.2.1). */
const DATAGRAM = 512;
const [TXT, IN] = [16, 1];
const [NO_ERROR, FORMAT_ERROR, NAME_ERROR, NOT_IMPLEMENTED] = [0, 1, 3, 4];
/** "This is a response", and "by an authority". Without the latter glibc takes an empty answer for no answer. */
const [RESPONSE, AUTHORITATIVE] = [0x8000, 0x0400];
const [OPCODE, RECURSION_DESIRED] = [0x7800, 0x0100];
const NOTHING = new Uint8Array(0);
/** Seconds. */
const TIME_TO_LIVE = 1;

/** The reply to a datagram; `undefined` for one that is no query. */
function respond(
  query: Buffer,
  answers: ReadonlyMap<string, Buffer>,
  onQuestion: (name: string) => void,
): Buffer | undefined {
  if (query.length < HEADER_SIZE) return undefined;
  const flags = query.readUInt16BE(2);
  if ((flags & RESPONSE) !== 0) return undefined;
  const reply = (code: number, question: Uint8Array = NOTHING, answer: Uint8Array = NOTHING) => {
    const header = Buffer.alloc(HEADER_SIZE);
    header.writeUInt16BE(query.readUInt16BE(0), 0);
    header.writeUInt16BE(RESPONSE | AUTHORITATIVE | (flags & (OPCODE | RECURSION_DESIRED)) | code, 2);
    header.writeUInt16BE(Number(question.length > 0), 4);
    header.writeUInt16BE(Number(answer.length > 0), 6);
    return Buffer.concat([header, question, answer]);
  };
  if ((flags & OPCODE) !== 0) return reply(NOT_IMPLEMENTED);
  const asked = parseQuestion(query);
  if (asked === undefined) return reply(FORMAT_ERROR);
  onQuestion(asked.name);
  const answer = answers.get(asked.name);
  if (answer === undefined) return reply(NAME_ERROR, asked.question);
  return reply(NO_ERROR, asked.question, asked.isForText ? answer : undefined);
}

/** The one question of a query, its name in lower case (§4.1.2). */
function parseQuestion(query: Buffer): { name: string; question: Buffer; isForText: boolean } | undefined {
  if (query.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER_SIZE;
  for (;;) {
    const length = query[at++];
    if (length === undefined || length > 63 || at + length > query.length) return undefined;
    if (length === 0) break;
    labels.push(query.toString('latin1', at, at + length));
    at += length;
  }
  if (at + 4 > query.length) return undefined;
  const isForText = query.readUInt16BE(at) === TXT && query.readUInt16BE(at + 2) === IN;
  const name = labels.join('.').toLowerCase();
  return { name, question: query.subarray(HEADER_SIZE, at + 4), isForText };
}

/** A TXT record for the name of the question (§4.1.3), in strings of up to 255 bytes (§3.3.14). */
function encodeAnswer(name: string, text: string): Buffer {
  const isName = name.split('.').every((label) => /^[a-z0-9_-]{1,63}$/i.test(label));
  const bytes = Buffer.from(text, 'utf8');
  const data: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += 255) {
    const part = bytes.subarray(at, at + 255);
    data.push(Buffer.of(part.length), part);
  }
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(0xc000 | HEADER_SIZE, 0); // a pointer to the question's name (§4.1.4)
  fixed.writeUInt16BE(TXT, 2);
  fixed.writeUInt16BE(IN, 4);
  fixed.writeUInt32BE(TIME_TO_LIVE, 6);
  const record = Buffer.concat([fixed, ...data]);
  record.writeUInt16BE(record.length - fixed.length, 10);
  const size = HEADER_SIZE + name.length + 2 + 4 + record.length;
  if (!isName || size > DATAGRAM) throw new RangeError(`${name} cannot be a TXT record of ${size} bytes`);
  return record;
}

/** How many addresses to try: another proof may have the first one. */
const ATTEMPTS = 8;

/** Port 53 of an address that is unlikely to be anybody's: not 127.0.0.1 and not 127.0.0.53. */
async function bindLoopback(): Promise<{ socket: Socket; address: string }> {
  for (let attempt = 1; ; attempt++) {
    const address = `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`;
    const socket = createSocket('udp4');
    try {
      socket.bind(53, address);
      await once(socket, 'listening');
      return { socket, address };
    } catch (cause) {
      socket.close();
      if (codeOf(cause) === 'EADDRINUSE' && attempt < ATTEMPTS) continue;
      throw asNameserverError(cause, address);
    }
  }
}

function asNameserverError(cause: unknown, address: string): NameserverError {
  const where = `cannot listen on UDP port 53 of ${address}`;
  if (codeOf(cause) === 'EACCES') {
    return new NameserverError('nameserver/port-denied', where, {
      cause,
      advice: 'Ports below 1024 belong to the administrator: run as root to prove the DNS record',
    });
  }
  return new NameserverError('nameserver/address', where, {
    cause,
    advice: 'Stop the nameserver that has port 53 of all addresses, or let it listen on its own one only',
  });
}
