import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { codeOf, MirrorError } from '../../base/errors.ts';
import type { TextRecords } from './dns-answer.ts';

export class NameserverError extends MirrorError<'nameserver/port-denied' | 'nameserver/address'> {}

export interface Nameserver extends AsyncDisposable {
  /** IP address on the loopback of this machine. The port is 53, because `resolv.conf` cannot name another one. */
  readonly address: string;
}

/**
 * Starts a nameserver for a proof. It answers TXT queries for these names over UDP, denies that other names exist, and
 * asks nobody. `onQuestion` receives each name in a question. Throws `NameserverError`, and `RangeError` for a record
 * with an invalid name, or one that does not fit into a datagram.
 */
export async function startNameserver(
  records: TextRecords,
  onQuestion: (name: string) => void = () => {},
): Promise<Nameserver> {
  const { replyTo, textRecords } = await import('./dns-answer.ts'); // loads its package for a proof alone
  const known = textRecords(records);
  const { socket, address } = await bindLoopback();
  socket.on('message', (query, client) => {
    const reply = replyTo(query, known, onQuestion);
    if (reply !== undefined) socket.send(reply, client.port, client.address, () => {}); // a client without an answer asks again
  });
  socket.on('error', () => {}); // a lost datagram does no harm
  return {
    address,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
}

/** Number of addresses to try: another proof may have the first one. */
const ADDRESS_ATTEMPTS = 8;

/** Binds port 53 of a random loopback address, which is probably free: neither 127.0.0.1 nor 127.0.0.53. */
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
      if (codeOf(cause) === 'EADDRINUSE' && attempt < ADDRESS_ATTEMPTS) continue;
      throw asNameserverError(cause, address);
    }
  }
}

function asNameserverError(cause: unknown, address: string): NameserverError {
  const where = `cannot listen on UDP port 53 of ${address}`;
  if (codeOf(cause) === 'EACCES') {
    return new NameserverError('nameserver/port-denied', where, {
      cause,
      advice: 'Only root may use ports below 1024. Run as root to prove the DNS record',
    });
  }
  return new NameserverError('nameserver/address', where, {
    cause,
    advice: 'A nameserver uses port 53 of all addresses. Stop it, or let it listen only on its own address',
  });
}
