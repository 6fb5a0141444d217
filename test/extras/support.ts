import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ExtraSource } from '../../scripts/extras/extra.ts';

export { BEGIN, contextIn } from './context.ts';

const HOUR = 60 * 60_000;

export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'extras-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

export function source(name: string, from: string, change: Partial<ExtraSource> = {}): ExtraSource {
  return { name, from, interval: HOUR, maxSize: 1000, ...change };
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A feed under 127.0.0.1, with the requests that it got. */
export async function feed(handler: Handler): Promise<{ url: string; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    handler(request, response);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

export const RULE = 'Own.Test:0:*:6f776e\n';

/** Size and hash of bytes, as a manifest has them. */
export function recordOf(bytes: string | Buffer): { size: number; sha256: string } {
  return { size: Buffer.byteLength(bytes), sha256: createHash('sha256').update(bytes).digest('hex') };
}
