import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { freePort } from '../web/ports.ts';
import {
  type Answer,
  answered,
  DENIED,
  type FakeRepository,
  mayDo,
  newRepository,
  operationFor,
  type RepositoryOptions,
} from './repository.ts';

export type { FakeIssue, FakeRun } from './repository.ts';

/** What goes wrong with the requests that match, such as `/^POST .*issues$/` on `POST /repos/…/issues?…`. */
export interface GitHubFault {
  readonly on?: RegExp;
  /** For how many requests; left out: for ever. */
  readonly times?: number;
  /** The answer; without a status the connection is cut. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly message?: string;
  /** What was asked for is done all the same. */
  readonly done?: boolean;
  /** No answer at all until the end. */
  readonly stall?: boolean;
  /** Nothing goes wrong; requests wait until so many of them are there. */
  readonly together?: number;
}

export interface FakeGitHub extends FakeRepository, AsyncDisposable {
  /** For GITHUB_API_URL. */
  readonly url: string;
  readonly token: string;
  /** `METHOD /path?query` of all requests. */
  readonly requests: string[];
  /** Another token, with what it may do: `issues: write`, `actions: read` … */
  admit(token: string, permissions: Readonly<Record<string, string>>): void;
  fault(...faults: GitHubFault[]): void;
  /** All is well again. */
  mend(): void;
  /** Throws if a request or an answer did not fit GitHub's description. */
  close(): Promise<void>;
}

export interface GitHubOptions extends RepositoryOptions {
  readonly token?: string;
}

/**
 * GitHub's API on 127.0.0.1, as far as we use it: issues, comments, workflows and their runs, with a memory. Every
 * request and every answer is held against GitHub's own description; what does not fit makes `close` throw.
 */
export async function startGitHub(options: GitHubOptions = {}): Promise<FakeGitHub> {
  const { token = 'ghs_test' } = options;
  const { repository, answers } = newRepository(options);
  const { slug } = repository;
  const requests: string[] = [];
  const admitted = new Map<string, Readonly<Record<string, string>>>();
  const misfits: string[] = [];
  const gates = new Map<GitHubFault, PromiseWithResolvers<void> & { count: number }>();
  let faults: { fault: GitHubFault; left: number }[] = [];

  const nextFault = (line: string): GitHubFault => {
    const found = faults.find(({ fault, left }) => left > 0 && (fault.on ?? /^/).test(line));
    if (found === undefined) return {};
    found.left--;
    return found.fault;
  };
  /** Lets the requests go on when enough of them are there. */
  const gather = (fault: GitHubFault): Promise<void> => {
    const gate = gates.get(fault) ?? { ...Promise.withResolvers<void>(), count: 0 };
    gates.set(fault, gate);
    if (++gate.count >= (fault.together ?? 0)) gate.resolve();
    return gate.promise;
  };

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const line = `${request.method} ${request.url}`;
    requests.push(line);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const fault = nextFault(line);
    if (fault.together !== undefined) await gather(fault);
    if (fault.stall) return;
    const isFaulty = fault.together === undefined && Object.keys(fault).length > 0;
    const answer = isFaulty && !fault.done ? undefined : answerTo(request, Buffer.concat(chunks).toString());
    if (isFaulty && fault.status === undefined) {
      response.destroy();
      return;
    }
    const {
      status,
      body,
      headers = {},
    }: Answer = isFaulty
      ? {
          status: fault.status ?? 500,
          body: { message: fault.message ?? 'Trouble' },
          headers: { ...fault.headers },
        }
      : (answer ?? { status: 500, body: {} });
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(JSON.stringify(body));
  };

  const answerTo = (request: IncomingMessage, text: string): Answer => {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://localhost');
    const line = `${request.method} ${pathname}`;
    const [operation, key] = operationFor(request.method ?? '', pathname, slug);
    if (operation === undefined) {
      misfits.push(`${line}: not known here`);
      return { status: 404, body: { message: 'Not Found' } };
    }
    const [, shown = ''] = /^(?:token|bearer) (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const permissions = admitted.get(shown);
    if (shown !== token && permissions === undefined) {
      return { status: 401, body: { message: 'Bad credentials' } };
    }
    if (permissions !== undefined && !mayDo(request.method ?? '', pathname, permissions)) {
      return { status: 403, body: { message: DENIED } };
    }
    const body = text === '' ? undefined : JSON.parse(text);
    const misfit = operation.checkQuery(query) ?? operation.checkBody(body);
    if (misfit !== undefined) misfits.push(`${line}: ${misfit}`);
    const path = pathname.slice(1).split('/').map(decodeURIComponent);
    const answer = answered(() =>
      answers[key]?.({ origin: url, path, query, body: body ?? {}, example: () => operation.example(slug) }),
    );
    const wrong = operation.checkAnswer(answer.status, answer.body);
    if (wrong !== undefined) misfits.push(`${line}: the answer ${answer.status}: ${wrong}`);
    return answer;
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      misfits.push(`${request.method} ${request.url}: ${error}`);
      response.destroy();
    });
  });
  // not one of the kernel's choice: the client of a mirror that had it before may still ask for databases there
  server.listen(await freePort(), '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;

  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    if (misfits.length > 0) throw new Error(`not as GitHub describes it:\n${misfits.splice(0).join('\n')}`);
  };
  return {
    ...repository,
    url,
    token,
    requests,
    admit: (shown, permissions) => admitted.set(shown, permissions),
    fault: (...more) =>
      faults.push(...more.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }))),
    mend: () => {
      faults = [];
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
