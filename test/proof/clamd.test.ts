import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { clamdAt } from '../../scripts/proof/clients/clamd.ts';

/** Listens on a loopback port and does with each connection what it is told. */
async function listening(behave: (socket: Socket) => void): Promise<{ port: number } & AsyncDisposable> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    behave(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

test('a stream goes out in the form that clamd expects, and the answer comes without its NUL', async () => {
  let got = Buffer.alloc(0);
  await using fake = await listening((socket) => {
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.length === 'zINSTREAM\0'.length + 4 + 2 + 4) socket.end('stream: OK\0');
    });
  });
  expect(await clamdAt({ host: '127.0.0.1', port: fake.port }, 5000).scan(Buffer.from('hi'))).toBe(
    'stream: OK',
  );
  expect(got.toString('latin1')).toBe('zINSTREAM\0\0\0\0\x02hi\0\0\0\0');
});

test('a clamd that is silent is given up', async () => {
  await using fake = await listening(() => {});
  await expect(clamdAt({ host: '127.0.0.1', port: fake.port }, 100).ping()).rejects.toThrow(
    'has not answered PING',
  );
});

test('an answer that breaks off is none', async () => {
  await using fake = await listening((socket) => socket.end('PON'));
  await expect(clamdAt({ host: '127.0.0.1', port: fake.port }, 5000).ping()).rejects.toThrow('broke off');
});

test('an answer without an end is cut off', async () => {
  await using fake = await listening((socket) => {
    const pour = () => {
      while (!socket.destroyed && socket.write('x'.repeat(4096)));
    };
    socket.on('drain', pour);
    pour();
  });
  await expect(clamdAt({ host: '127.0.0.1', port: fake.port }, 5000).version()).rejects.toThrow(
    'more than a line',
  );
});

test('where nothing listens, nothing answers', async () => {
  await expect(clamdAt({ host: '127.0.0.1', port: 1 }, 5000).ping()).rejects.toThrow('ECONNREFUSED');
});
