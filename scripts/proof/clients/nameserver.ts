import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { codeOf, MirrorError } from '../../base/errors.ts';
import type { TextRecords } from './dns-answer.ts';

export class NameserverError extends MirrorError<'nameserver/port-denied' | 'nameserver/address'> {}

export interface Nameserver extends AsyncDisposable {
  /** An IP address of this machine's loopback; the port is 53, since `resolv.conf` cannot name another. */
  readonly address: string;
}

/**
 * A nameserver for a proof: it answers TXT for these names over UDP, says of all others that they do not exist, and
 * asks nobody. `onQuestion` is given each name that it is asked for. Throws `NameserverError`, and
 * `RangeError` for a record that is no name or does not fit into a datagram.
 */
export async function startNameserver(
  records: TextRecords,
  onQuestion: (name: string) => void = () => {},
): Promise<Nameserver> {
  const { replyTo, textRecords } = await import('./dns-answer.ts'); // its package is loaded for a proof alone
  const known = textRecords(records);
  const { socket, address } = await bindLoopback();
  socket.on('message', (query, client) => {
    const reply = replyTo(query, known, onQuestion);
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
