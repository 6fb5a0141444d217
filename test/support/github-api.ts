import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Operation, operations } from './github-schema.ts';

export interface FakeIssue {
  readonly number: number;
  title: string;
  body: string;
  author: string;
  labels: string[];
  state: 'open' | 'closed';
  reason: 'completed' | 'not_planned' | 'duplicate' | 'reopened' | null;
  created: string;
  updated: string;
  closed: string | null;
  readonly isPull: boolean;
  readonly comments: { readonly author: string; readonly body: string }[];
}

export interface FakeRun {
  readonly id: number;
  readonly conclusion: string | null;
  readonly at: string;
  /** Of its workflow. */
  readonly file?: string;
  readonly status?: string;
}

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

export interface FakeGitHub extends AsyncDisposable {
  /** For GITHUB_API_URL. */
  readonly url: string;
  readonly token: string;
  readonly slug: string;
  readonly issues: FakeIssue[];
  /** Of workflows, in any order. */
  readonly runs: FakeRun[];
  /** States of workflows by their files. */
  readonly workflows: Map<string, string>;
  /** `METHOD /path?query` of all requests. */
  readonly requests: string[];
  /** Another token, with what it may do: `issues: write`, `actions: read` … */
  admit(token: string, permissions: Readonly<Record<string, string>>): void;
  /** As a person would open it, or we. */
  open(issue: Partial<Omit<FakeIssue, 'number'>> & Pick<FakeIssue, 'author'>): FakeIssue;
  fault(...faults: GitHubFault[]): void;
  /** All is well again. */
  mend(): void;
  /** Throws if a request or an answer did not fit GitHub's description. */
  close(): Promise<void>;
}

export interface GitHubOptions {
  readonly slug?: string;
  readonly token?: string;
  /** Whose the token is. */
  readonly login?: string;
  /** Without the right to push, labels are dropped. */
  readonly canPush?: boolean;
  /** Whether the token may write issues. */
  readonly canWriteIssues?: boolean;
  readonly canReadActions?: boolean;
  readonly hasIssues?: boolean;
  readonly now?: () => Date;
}

class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

type Json = Record<string, unknown>;
interface Asked {
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Json;
  readonly example: () => unknown;
}
interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

const DENIED = 'Resource not accessible by integration';

/**
 * GitHub's API on 127.0.0.1, as far as we use it: issues, comments, workflows and their runs, with a memory. Every
 * request and every answer is held against GitHub's own description; what does not fit makes `close` throw.
 */
export async function startGitHub(options: GitHubOptions = {}): Promise<FakeGitHub> {
  const {
    slug = 'acme/mirror',
    token = 'ghs_test',
    login = 'github-actions[bot]',
    now = () => new Date(),
  } = options;
  const issues: FakeIssue[] = [];
  const runs: FakeRun[] = [];
  const workflows = new Map([['mirror.yml', 'active']]);
  const requests: string[] = [];
  const admitted = new Map<string, Readonly<Record<string, string>>>();
  const misfits: string[] = [];
  const gates = new Map<GitHubFault, PromiseWithResolvers<void> & { count: number }>();
  let faults: { fault: GitHubFault; left: number }[] = [];

  const open: FakeGitHub['open'] = (given) => {
    const at = now().toISOString();
    const issue: FakeIssue = {
      title: 'An issue',
      body: '',
      labels: [],
      state: 'open',
      reason: null,
      created: at,
      updated: at,
      closed: null,
      isPull: false,
      comments: [],
      ...given,
      number: issues.length + 1,
    };
    issues.push(issue);
    return issue;
  };
  const issueOf = (path: readonly string[]) => {
    const issue = issues.find(({ number }) => String(number) === path[4]);
    if (issue === undefined) throw new Refused(404, 'Not Found');
    return issue;
  };
  const mayWrite = () => {
    if (options.canWriteIssues === false) throw new Refused(403, DENIED);
    if (options.hasIssues === false) throw new Refused(410, 'Issues are disabled for this repo');
  };
  const mayReadActions = () => {
    if (options.canReadActions === false) throw new Refused(403, DENIED);
  };
  const setBody = (issue: FakeIssue, { body, labels, title }: Json) => {
    if (typeof body === 'string' && body.length > 65_536) throw new Refused(422, 'Validation Failed');
    if (typeof body === 'string') issue.body = body;
    if (typeof title === 'string') issue.title = title;
    if (Array.isArray(labels) && options.canPush !== false) issue.labels = labels.map(String);
  };

  const answers: Record<string, (asked: Asked) => Answer> = {
    'GET /user': ({ example }) => {
      if (login.endsWith('[bot]')) throw new Refused(403, DENIED);
      return { status: 200, body: { ...(example() as Json), login } };
    },
    'GET /repos/{owner}/{repo}': ({ example }) => {
      // GitHub's example falls short of its own description where it tells of forks.
      const { parent: _, source: __, template_repository: ___, ...rest } = example() as Json;
      const hasIssues = options.hasIssues !== false;
      return { status: 200, body: { language: null, ...rest, full_name: slug, has_issues: hasIssues } };
    },
    'GET /repos/{owner}/{repo}/issues': ({ query, example }) => {
      const [template] = example() as Json[];
      const listed = issues.filter((issue) => matches(issue, query)).reverse();
      const size = Number(query.get('per_page') ?? 30);
      const page = Number(query.get('page') ?? 1);
      const shown = listed.slice((page - 1) * size, page * size);
      const next = new URLSearchParams([...query].filter(([name]) => name !== 'page'));
      next.set('page', String(page + 1));
      const link = `<${url}/repos/${slug}/issues?${next}>; rel="next"`;
      return {
        status: 200,
        body: shown.map((issue) => issueJson(template ?? {}, issue, slug)),
        ...(listed.length > page * size && { headers: { link } }),
      };
    },
    'POST /repos/{owner}/{repo}/issues': ({ body, example }) => {
      mayWrite();
      const issue = open({ author: login });
      setBody(issue, body);
      return { status: 201, body: issueJson(example() as Json, issue, slug) };
    },
    'PATCH /repos/{owner}/{repo}/issues/{issue_number}': ({ path, body, example }) => {
      mayWrite();
      const issue = issueOf(path);
      setBody(issue, body);
      if (body.state !== undefined && body.state !== issue.state) {
        issue.state = body.state as FakeIssue['state'];
        issue.reason = (body.state_reason ??
          (body.state === 'open' ? 'reopened' : 'completed')) as FakeIssue['reason'];
        issue.closed = body.state === 'closed' ? now().toISOString() : null;
      }
      issue.updated = now().toISOString();
      return { status: 200, body: issueJson(example() as Json, issue, slug) };
    },
    'POST /repos/{owner}/{repo}/issues/{issue_number}/comments': ({ path, body, example }) => {
      mayWrite();
      const issue = issueOf(path);
      issue.comments.push({ author: login, body: String(body.body) });
      issue.updated = now().toISOString();
      return { status: 201, body: { ...(example() as Json), body: body.body } };
    },
    'GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}': ({ path, example }) => {
      mayReadActions();
      const state = workflows.get(path[5] ?? '');
      if (state === undefined) throw new Refused(404, 'Not Found');
      return { status: 200, body: { ...(example() as Json), path: `.github/workflows/${path[5]}`, state } };
    },
    'GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs': ({ path, query, example }) => {
      mayReadActions();
      if (!workflows.has(path[5] ?? '')) throw new Refused(404, 'Not Found');
      const template = (example() as { workflow_runs: Json[] }).workflow_runs[0] ?? {};
      const status = query.get('status');
      const listed = runs
        .filter(({ file = 'mirror.yml' }) => file === path[5])
        .filter(
          (run) => status === null || status === (run.status ?? 'completed') || status === run.conclusion,
        )
        .sort((one, other) => other.id - one.id);
      const shown = listed.slice(0, Number(query.get('per_page') ?? 30));
      const body = {
        total_count: listed.length,
        workflow_runs: shown.map((run) => runJson(template, run, slug)),
      };
      return { status: 200, body };
    },
  };

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
      answers[key]?.({ path, query, body: body ?? {}, example: () => operation.example(slug) }),
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
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;

  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    if (misfits.length > 0) throw new Error(`not as GitHub describes it:\n${misfits.splice(0).join('\n')}`);
  };
  return {
    url,
    token,
    slug,
    issues,
    runs,
    workflows,
    requests,
    admit: (shown, permissions) => admitted.set(shown, permissions),
    open,
    fault: (...more) =>
      faults.push(...more.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }))),
    mend: () => {
      faults = [];
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function answered(make: () => Answer | undefined): Answer {
  try {
    return make() ?? { status: 404, body: { message: 'Not Found' } };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const body = { message: error.message, documentation_url: 'https://docs.github.com/rest' };
    return { status: error.status, body };
  }
}

function operationFor(method: string, path: string, slug: string): [Operation | undefined, string] {
  for (const [key, operation] of operations()) {
    const pattern = operation.template.replace('{owner}/{repo}', slug).replaceAll(/\{[^}]+\}/g, '[^/]+');
    if (key.startsWith(`${method} `) && new RegExp(`^${pattern}$`).test(path)) return [operation, key];
  }
  return [undefined, ''];
}

function matches(issue: FakeIssue, query: URLSearchParams): boolean {
  const state = query.get('state') ?? 'open';
  const labels = query.get('labels')?.split(',') ?? [];
  const creator = query.get('creator');
  const since = query.get('since');
  return (
    (state === 'all' || issue.state === state) &&
    labels.every((label) => issue.labels.includes(label)) &&
    (creator === null || issue.author === creator) &&
    (since === null || Date.parse(issue.updated) >= Date.parse(since))
  );
}

function issueJson(template: Json, issue: FakeIssue, slug: string): Json {
  const { number, title, body, state, isPull } = issue;
  const { pull_request: _, ...rest } = template;
  const user = {
    ...(template.user as Json),
    login: issue.author,
    type: issue.author.endsWith('[bot]') ? 'Bot' : 'User',
  };
  const links = { url: `https://api.github.com/repos/${slug}/pulls/${number}` };
  return {
    ...rest,
    id: 4_000_000_000 + number,
    number,
    title,
    body,
    state,
    state_reason: issue.reason,
    user,
    labels: issue.labels.map((name, index) => ({
      id: index + 1,
      node_id: 'x',
      url: `https://api.github.com/repos/${slug}/labels/${encodeURIComponent(name)}`,
      name,
      description: null,
      color: 'ededed',
      default: false,
    })),
    html_url: `https://github.com/${slug}/issues/${number}`,
    comments: issue.comments.length,
    created_at: issue.created,
    updated_at: issue.updated,
    closed_at: issue.closed,
    ...(isPull && {
      pull_request: { ...links, html_url: links.url, diff_url: links.url, patch_url: links.url },
    }),
  };
}

function runJson(template: Json, { id, conclusion, at, status = 'completed' }: FakeRun, slug: string): Json {
  const html_url = `https://github.com/${slug}/actions/runs/${id}`;
  return {
    ...template,
    id,
    conclusion,
    status,
    html_url,
    created_at: at,
    updated_at: at,
    run_started_at: at,
  };
}

/** Whether a token with these permissions may do this. */
function mayDo(method: string, path: string, permissions: Readonly<Record<string, string>>): boolean {
  const [, , , , area = ''] = path.split('/');
  const granted = permissions[area];
  if (area !== 'issues' && area !== 'actions') return true;
  return granted === 'write' || (granted === 'read' && method === 'GET');
}
