import { once } from 'node:events';
import { connect, createServer, type NetConnectOpts } from 'node:net';
import { CLAMD_CHARACTERS } from '../../base/limits/engines.ts';
import { OutOfTime } from '../scenarios/scenario.ts';

/** Commands to a clamd, each over a connection of its own. All reject if clamd does not answer. */
export interface Clamd {
  ping(): Promise<string>;
  /** Engine, and the version of `daily` if it has one: `ClamAV 1.4.6/28001/Sat Nov 21 08:00:00 2026`. */
  version(): Promise<string>;
  reload(): Promise<string>;
  /** Scans these bytes: `stream: OK`, or `stream: Eicar-Test-Signature FOUND`. */
  scan(bytes: Uint8Array): Promise<string>;
}

/**
 * Connects to the clamd at this address. `timeout` is the limit for one command in milliseconds (clamd(8), "COMMANDS").
 */
export function clamdAt(address: NetConnectOpts, timeout: number): Clamd {
  const ask = async (command: string, body: readonly Uint8Array[] = []): Promise<string> => {
    const inTime = AbortSignal.timeout(Math.ceil(timeout)); // created before the socket; it takes whole numbers only
    const socket = connect(address);
    const abort = () =>
      socket.destroy(new OutOfTime(`clamd has not answered ${command} after ${timeout / 1000} s`));
    inTime.addEventListener('abort', abort);
    try {
      socket.write(`z${command}\0`);
      for (const part of body) socket.write(part);
      let answer = '';
      for await (const chunk of socket) {
        answer += String(chunk);
        if (answer.length > CLAMD_CHARACTERS)
          throw new Error(`clamd answered ${command} with more than a line`);
      }
      if (!answer.endsWith('\0')) throw new Error(`clamd broke off at ${command}`);
      return answer.slice(0, -1);
    } finally {
      inTime.removeEventListener('abort', abort);
      socket.destroy();
    }
  };
  return {
    ping: () => ask('PING'),
    version: () => ask('VERSION'),
    reload: () => ask('RELOAD'),
    scan: (bytes) => ask('INSTREAM', [lengthOf(bytes.length), bytes, lengthOf(0)]),
  };
}

/** Finds a TCP port of this machine that is free just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function lengthOf(length: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}
