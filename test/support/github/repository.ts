import { type Operation, operations } from './schema.ts';

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

/** A repository at GitHub, as far as its API is asked about it here. */
export interface FakeRepository {
  readonly slug: string;
  readonly issues: FakeIssue[];
  /** Of workflows, in any order. */
  readonly runs: FakeRun[];
  /** States of workflows by their files. */
  readonly workflows: Map<string, string>;
  /** As a person would open it, or we. */
  open(issue: Partial<Omit<FakeIssue, 'number'>> & Pick<FakeIssue, 'author'>): FakeIssue;
}

export interface RepositoryOptions {
  readonly slug?: string;
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

export interface Asked {
  /** Of the API. */
  readonly origin: string;
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Json;
  readonly example: () => unknown;
}
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}
/** By method and path, as GitHub's description has them. */
export type Answers = Readonly<Record<string, (asked: Asked) => Answer>>;
type Json = Record<string, unknown>;

class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const DENIED = 'Resource not accessible by integration';

/** A repository without anything in it, and how GitHub answers about it. */
export function newRepository(options: RepositoryOptions): { repository: FakeRepository; answers: Answers } {
  const { slug = 'acme/mirror', login = 'github-actions[bot]', now = () => new Date() } = options;
  const issues: FakeIssue[] = [];
  const runs: FakeRun[] = [];
  const workflows = new Map([['mirror.yml', 'active']]);

  const open: FakeRepository['open'] = (given) => {
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

  const answers: Answers = {
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
    'GET /repos/{owner}/{repo}/issues': ({ origin, query, example }) => {
      const [template] = example() as Json[];
      const listed = issues.filter((issue) => matches(issue, query)).reverse();
      const size = Number(query.get('per_page') ?? 30);
      const page = Number(query.get('page') ?? 1);
      const shown = listed.slice((page - 1) * size, page * size);
      const next = new URLSearchParams([...query].filter(([name]) => name !== 'page'));
      next.set('page', String(page + 1));
      const link = `<${origin}/repos/${slug}/issues?${next}>; rel="next"`;
      return {
        status: 200,
        body: shown.map((issue) => issueJson(template ?? {}, issue, slug)),
        ...(listed.length > page * size && { headers: { link } }),
      };
    },
    'POST /repos/{owner}/{repo}/issues': ({ body, example }) => {
      mayWrite();
      if (body.title === '') throw new Refused(422, 'Validation Failed');
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
  return { repository: { slug, issues, runs, workflows, open }, answers };
}

/** What of these answers; GitHub's own words where it refuses. */
export function answered(make: () => Answer | undefined): Answer {
  try {
    return make() ?? { status: 404, body: { message: 'Not Found' } };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const body = { message: error.message, documentation_url: 'https://docs.github.com/rest' };
    return { status: error.status, body };
  }
}

/** What GitHub's description calls this request, and its key there. */
export function operationFor(method: string, path: string, slug: string): [Operation | undefined, string] {
  for (const [key, operation] of operations()) {
    const pattern = operation.template.replace('{owner}/{repo}', slug).replaceAll(/\{[^}]+\}/g, '[^/]+');
    if (key.startsWith(`${method} `) && new RegExp(`^${pattern}$`).test(path)) return [operation, key];
  }
  return [undefined, ''];
}

/** Whether a token with these permissions may do this. */
export function mayDo(method: string, path: string, permissions: Readonly<Record<string, string>>): boolean {
  const [, , , , area = ''] = path.split('/');
  const granted = permissions[area];
  if (area !== 'issues' && area !== 'actions') return true;
  return granted === 'write' || (granted === 'read' && method === 'GET');
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
