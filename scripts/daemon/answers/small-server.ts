import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import { explain } from '../../base/errors.ts';
import { ADMIN_CONNECTIONS } from '../../base/limits/daemon.ts';
import { HOST_PATIENCE } from '../../base/limits/requests.ts';
import { printableJson } from '../../base/printable.ts';
import { readBody } from '../../http/body.ts';

/** Answer to one request: JSON, or a text of some type. */
export type SmallAnswer = { readonly status: number } & (
  | { readonly json: object }
  | { readonly text: string; readonly type: string }
);

/** A request, of which an answer may read the body. */
export interface SmallRequest {
  readonly headers: IncomingHttpHeaders;
  /** Text of the body; `undefined` if it has more than `limit` bytes. */
  body(limit: number): Promise<string | undefined>;
}

/** Answers by method and path, such as `GET /healthz`. */
export type Answers = Readonly<Record<string, (request: SmallRequest) => SmallAnswer | Promise<SmallAnswer>>>;

/** A server that answers a few questions, for those who keep the mirror. A body is read where an answer needs it. */
export function smallServer(answers: Answers): Server {
  const server = createServer(
    {
      headersTimeout: HOST_PATIENCE.headers,
      requestTimeout: HOST_PATIENCE.request,
      keepAliveTimeout: HOST_PATIENCE.idle,
    },
    async (request, response) => {
      const { method = '', url = '' } = request;
      const [path = ''] = url.split('?');
      const isHead = method === 'HEAD';
      const { headers } = request;
      const asked = { headers, body: async (limit: number) => await textOf(request, limit) };
      const answer = await answerTo(answers, isHead ? 'GET' : method, path, asked);
      request.resume(); // whatever of it nobody read
      const isText = 'text' in answer;
      const text = isText ? answer.text : `${printableJson(answer.json)}\n`;
      const type = isText ? answer.type : 'application/json';
      response.writeHead(answer.status, {
        'content-type': type,
        'content-length': Buffer.byteLength(text),
        'cache-control': 'no-store',
      });
      response.end(isHead ? undefined : text);
    },
  );
  server.maxConnections = ADMIN_CONNECTIONS;
  server.setTimeout(HOST_PATIENCE.stall);
  server.on('clientError', (_, socket) => socket.destroy());
  return server;
}

/** Begins to listen: `listen` calls the server's own. Rejects with the system's error. */
export async function listening(server: Server, listen: () => void): Promise<void> {
  const begun = once(server, 'listening');
  listen();
  await begun;
  server.on('error', () => {}); // a connection could not be accepted: only that one is lost
}

/** Closes a server and everybody's connection to it. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

async function textOf(request: IncomingMessage, limit: number): Promise<string | undefined> {
  const { bytes } = await readBody(request, limit + 1);
  return bytes.length > limit ? undefined : bytes.toString('utf8');
}

async function answerTo(
  answers: Answers,
  method: string,
  path: string,
  request: SmallRequest,
): Promise<SmallAnswer> {
  const name = `${method} ${path}`;
  const answer = Object.hasOwn(answers, name) ? answers[name] : undefined;
  try {
    if (answer !== undefined) return await answer(request);
  } catch (error) {
    return { status: 500, json: { error: explain(error) } };
  }
  const isThere = Object.keys(answers).some((one) => one.endsWith(` ${path}`));
  return isThere
    ? { status: 405, json: { error: 'not with this method' } }
    : { status: 404, json: { error: 'no such path', paths: Object.keys(answers) } };
}
