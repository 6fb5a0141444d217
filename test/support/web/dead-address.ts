import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** More than a listener with a backlog of one holds: whoever comes after them is not answered. */
const FILLING = 4;

/** An address of this machine at which a port answers no handshake, as one behind a firewall that drops what it gets. */
export interface DeadAddress extends AsyncDisposable {
  readonly address: string;
  /** Lets it answer: a client gets its handshake when its kernel asks again, which Linux does after a second. */
  answer(): void;
}

/** A listener whose thread stands still from the beginning, with a full queue: the kernel drops all that comes after. */
const LISTENER = `
  const { parentPort, workerData: { address, port, flag } } = require('node:worker_threads');
  const { connect, createServer } = require('node:net');
  createServer((socket) => {
    if (workerTarget === 0) return socket.destroy();
    const onward = connect(workerTarget, '127.0.0.1');
    socket.on('error', () => onward.destroy()).pipe(onward).on('error', () => socket.destroy()).pipe(socket);
  }).listen({ host: address, port, backlog: 1 }, () => {
    parentPort.postMessage('listening');
    setImmediate(() => Atomics.wait(flag, 0, 0));
  });
`;

/** Makes an address dead, such as 127.0.0.2. Once it answers, it leads to `target`, a port of 127.0.0.1. */
export async function deadAddress(address: string, port: number, target = 0): Promise<DeadAddress> {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(`const workerTarget = ${target};${LISTENER}`, {
    eval: true,
    workerData: { address, port, flag },
  });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const filling: Socket[] = [];
  while (!(await isDead(address, port, filling)))
    if (filling.length > 100) throw new Error(`${address} is not dead`);
  return {
    address,
    answer() {
      for (const socket of filling) socket.destroy();
      Atomics.store(flag, 0, 1);
      Atomics.notify(flag, 0);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of filling) socket.destroy();
      await worker.terminate();
    },
  };
}

/** Fills the queue by as many connections as fit; those beyond wait. */
async function isDead(address: string, port: number, filling: Socket[]): Promise<boolean> {
  const more = Array.from({ length: FILLING }, () => connect(port, address).on('error', () => {}));
  filling.push(...more);
  await wait(200);
  return more.some((socket) => socket.connecting);
}
