import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below those that the kernel gives to connections, which could take a port between our look and its use, and of which
 * one that waits for a server could even reach itself. Those of test/support/s3/ceph.ts come after.
 */
const PORTS = { first: 10_000, count: 10_000 } as const;

/** Processes of the tests begin apart from each other, and none takes a port that another has taken before. */
let next = process.pid * 101;

/** A port of 127.0.0.1 that nobody uses, for a server that cannot say which one it took. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = PORTS.first + (next++ % PORTS.count);
    if ((await reserve(port)) && (await isFreeForTcp(port)) && (await isFreeForUdp(port))) return port;
  }
  throw new Error('no free port');
}

/** Until this process ends, by a socket whose name is not in the file system and which needs no port. Only Linux has these. */
async function reserve(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const server = createServer().unref();
  return await once(server.listen(`\0clamav-mirror-test-port-${port}`), 'listening').then(
    () => true,
    () => false,
  );
}

async function isFreeForTcp(port: number): Promise<boolean> {
  const server = createServer();
  return await once(server.listen(port, '127.0.0.1'), 'listening').then(
    async () => {
      await new Promise((resolve) => server.close(resolve));
      return true;
    },
    () => false,
  );
}

async function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  return await once(socket, 'listening').then(
    async () => {
      await new Promise<void>((resolve) => socket.close(resolve));
      return true;
    },
    () => false,
  );
}
