import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { codeOf } from '../base/errors.ts';

/**
 * Answers by hand a message that is not a valid request, then closes the connection. `busy` means that a response is
 * under way: then nothing is written, because it would land in that response's body.
 */
export function hangUp(socket: Duplex, busy: boolean, status: number, header = ''): void {
  if (busy || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.on('error', () => {});
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${header}Cache-Control: no-store\r\n` +
      'Content-Length: 0\r\nConnection: close\r\n\r\n',
    () => socket.destroy(),
  );
}

/** Status for a request that Node could not parse. A malformed target is 404, like any other unknown one. */
export function statusOf(error: Error): number {
  const code = codeOf(error);
  if (code === 'HPE_INVALID_URL' || BAD_TARGET.test(receivedLast(error))) return 404;
  if (code === 'HPE_HEADER_OVERFLOW') return 431;
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
}

/** Start of a request whose target is too long even for Node, or holds a blank. */
const BAD_TARGET = /^[A-Z]+ (\S{2048}|\S+ (?!HTTP\/).+HTTP\/)/;

function receivedLast(error: Error): string {
  return 'rawPacket' in error && error.rawPacket instanceof Buffer ? error.rawPacket.toString('latin1') : '';
}
