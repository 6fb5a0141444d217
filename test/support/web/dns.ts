import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { inject } from 'vitest';
import { describeWith, have } from '../setup/official.ts';
import { freePort } from './ports.ts';

const dnsmasq = inject('dnsmasq');

/** Like `describe`, and skipped where there is no dnsmasq, which is a real nameserver. */
export const describeWithDnsmasq = describeWith(dnsmasq);

export interface Nameserver extends AsyncDisposable {
  /** `127.0.0.1:<port>` */
  readonly address: string;
}

/** A real nameserver with these TXT records, each given as the strings that it is made of. */
export async function startNameserver(
  records: Readonly<Record<string, readonly string[]>>,
): Promise<Nameserver> {
  const port = await freePort();
  const texts = Object.entries(records).map(
    ([name, strings]) => `--txt-record=${[name, ...strings].join(',')}`,
  );
  const quiet = ['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--no-poll'];
  const here = ['--listen-address=127.0.0.1', '--bind-interfaces', `--port=${port}`];
  const child = await started([...quiet, ...here, ...texts]);
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      if (child.kill()) await exited;
    },
  };
}

/** A nameserver that hears every question and answers none. */
export async function startDeadNameserver(): Promise<Nameserver> {
  const socket = await bound();
  return {
    address: `127.0.0.1:${socket.address().port}`,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
}

/** Starts dnsmasq, which gives up while an interface of somebody else, such as that of a container, is taken away. */
async function started(args: readonly string[], attemptsLeft = 20): Promise<ChildProcess> {
  const child = spawn(have(dnsmasq), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const said: string[] = [];
  for await (const line of createInterface(child.stderr)) {
    said.push(line);
    if (line.includes('started')) return child;
  }
  const isDisturbed = said.some((line) => line.includes('failed to find list of interfaces'));
  if (isDisturbed && attemptsLeft > 0) return await started(args, attemptsLeft - 1);
  throw new Error(`dnsmasq did not start: ${said.join('; ')}`);
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}
