import * as v from 'valibot';
import { isHttp } from '../http/is-http.ts';
import { mirrorId } from '../notify/mirror-id.ts';
import type { NotifySettings } from '../notify/settings.ts';
import { networkFrom } from './network.ts';
import { GITHUB_TOKEN, ISSUE_AFTER } from './notify.ts';
import { type Given, SettingError } from './read.ts';

const Address = v.pipe(
  v.string('is needed'),
  v.check((url) => isHttp(url), 'must start with http:// or https://'),
  v.transform((url) => url.replace(/\/+$/, '')),
);
const Count = v.pipe(
  v.string('is needed'),
  v.regex(/^[1-9]\d{0,14}$/, 'takes a whole number from 1'),
  v.transform(Number),
);

const EnvironmentSchema = v.object({
  GITHUB_API_URL: Address,
  GITHUB_SERVER_URL: Address,
  GITHUB_REPOSITORY: v.pipe(
    v.string('is needed'),
    v.regex(/^[\w-]{1,100}\/(?!\.{1,2}$)[\w.-]{1,100}$/, 'takes owner/name'),
  ),
  GITHUB_RUN_ID: Count,
  GITHUB_RUN_ATTEMPT: Count,
  GITHUB_WORKFLOW_REF: v.optional(v.string()),
  CLAMAV_MIRROR_GITHUB_TOKEN: GITHUB_TOKEN.schema,
  CLAMAV_MIRROR_GITHUB_LOGIN: v.optional(
    v.pipe(v.string(), v.regex(/^[\w-]+(\[bot\])?$/, 'takes a login such as my-app[bot]')),
  ),
  CLAMAV_MIRROR_ISSUE_AFTER: v.optional(ISSUE_AFTER.schema, ISSUE_AFTER.fallback),
});

/** From the variables that GitHub sets for a step, and our own. Throws `setting/invalid`, never with the token. */
export function notifySettings(environment: Given['environment']): NotifySettings {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value));
  const parsed = v.safeParse(EnvironmentSchema, given);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const name = String(issue.path?.[0]?.key);
    throw new SettingError('setting/invalid', `the variable ${name} ${issue.message}`, {
      advice: name.startsWith('GITHUB_')
        ? 'GitHub sets it for every step: run this inside a workflow'
        : 'Set it by the `env:` of the step',
    });
  }
  const variables = parsed.output;
  const slug = variables.GITHUB_REPOSITORY;
  const [owner = '', repo = ''] = slug.split('/');
  const { GITHUB_RUN_ID: id, GITHUB_RUN_ATTEMPT: attempt } = variables;
  return {
    github: {
      apiUrl: variables.GITHUB_API_URL,
      owner,
      repo,
      token: variables.CLAMAV_MIRROR_GITHUB_TOKEN,
      login: variables.CLAMAV_MIRROR_GITHUB_LOGIN,
      proxies: networkFrom({ flags: {}, environment }),
    },
    run: {
      id,
      attempt,
      url: `${variables.GITHUB_SERVER_URL}/${slug}/actions/runs/${id}/attempts/${attempt}`,
      workflow: workflowOf(variables.GITHUB_WORKFLOW_REF ?? '', slug),
    },
    mirror: mirrorId(environment),
    patience: variables.CLAMAV_MIRROR_ISSUE_AFTER,
  };
}

/** The run of a workflow that a step is part of, as far as GitHub says; a step without a token knows it too. */
export function runOf(
  environment: Given['environment'],
): { readonly name: string; readonly url: string } | undefined {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: slug } = environment;
  const [id, attempt] = [environment.GITHUB_RUN_ID, environment.GITHUB_RUN_ATTEMPT];
  if (!v.is(Count, id) || !v.is(Count, attempt) || !v.is(Address, server) || !slug) return undefined;
  return { name: `${id}.${attempt}`, url: `${server}/${slug}/actions/runs/${id}/attempts/${attempt}` };
}

/** The file of `owner/name/.github/workflows/mirror.yml@refs/heads/main`. */
function workflowOf(ref: string, slug: string): string | undefined {
  const start = `${slug}/.github/workflows/`;
  if (!ref.startsWith(start)) return undefined;
  return /^[\w.-]+\.ya?ml(?=@|$)/.exec(ref.slice(start.length))?.[0];
}
