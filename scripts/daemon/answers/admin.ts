import { isIPv6 } from 'node:net';
import { DaemonError } from '../error.ts';
import type { ListenAddress } from '../settings.ts';
import { type Answers, closeServer, listening, smallServer } from './small-server.ts';

export interface Admin extends AsyncDisposable {
  readonly url: string;
}

/** Listens on the admin address. Throws `daemon/admin`. */
export async function startAdmin({ address, port }: ListenAddress, answers: Answers): Promise<Admin> {
  const server = smallServer(answers);
  try {
    await listening(server, () => server.listen(port, address));
  } catch (cause) {
    throw new DaemonError('daemon/admin', `cannot listen on ${address}, port ${port}`, {
      cause,
      advice: 'Choose another address for --admin, or "off" for none',
    });
  }
  const bound = server.address();
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
  return {
    url: `http://${isIPv6(address) ? `[${address}]` : address}:${boundPort}`,
    [Symbol.asyncDispose]: () => closeServer(server),
  };
}
