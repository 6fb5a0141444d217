import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Ajv } from 'ajv';
import { SERVICES, type Service, type ServiceName } from './schemas.ts';

/** A message that a receiver took. */
export interface Taken {
  readonly service: ServiceName;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: of five services
  readonly json: any;
}

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly taken: Taken[];
  /** Why messages were not taken, by the schema of the service. */
  readonly refused: string[];
  /** Answers instead of the service, until it is undefined again. */
  instead: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  /** Address for `--alert` of a service here. */
  address(service: ServiceName): string;
}

export const KEY = '0123456789abcdef0123456789ABCDEF';
const ajv = new Ajv({ allowUnionTypes: true });

/** All services on one port of loopback. Each takes what it documents, and answers 400 to anything else. */
export async function startReceiver(): Promise<Receiver> {
  const [taken, refused]: [Taken[], string[]] = [[], []];
  const server = createServer((request, response) => {
    if (receiver.instead !== undefined) return receiver.instead(request, response);
    void answer(request, response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const receiver: Receiver = {
    url: `http://${host}`,
    taken,
    refused,
    instead: undefined,
    address: (service) =>
      service === 'pagerduty' ? `pagerduty+http://${KEY}@${host}` : `${service}+http://${host}/${service}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const path = request.url ?? '';
    const found = Object.entries(SERVICES).find(([, { schemas }]) => Object.hasOwn(schemas, path));
    const why = found === undefined ? `nobody is at ${path}` : whyNot(found[1], path, request, text);
    if (found === undefined || why !== undefined) {
      refused.push(why ?? '');
      response.writeHead(400).end('invalid_payload');
      return;
    }
    const [service, { answer: said }] = found as [ServiceName, Service];
    taken.push({ service, path, headers: request.headers, text, json: JSON.parse(text) });
    response.writeHead(said.status).end(said.body);
  }
  return receiver;
}

function whyNot(service: Service, path: string, request: IncomingMessage, text: string): string | undefined {
  if (request.method !== 'POST') return `the method ${request.method}`;
  if (request.headers['content-type'] !== 'application/json') return 'not JSON';
  if (Buffer.byteLength(text) > service.bytes) return `${Buffer.byteLength(text)} bytes`;
  const validate = ajv.compile(service.schemas[path] ?? false);
  return validate(JSON.parse(text)) ? undefined : `${path}: ${ajv.errorsText(validate.errors)}`;
}
