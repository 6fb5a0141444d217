import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { parse } from 'yaml';

/**
 * Workflows and actions as far as this runner carries them out. What it does not know it refuses, so that no key is
 * silently without effect. Whether a file is right is for GitHub's language service to say.
 */

const text = v.pipe(
  v.union([v.string(), v.number(), v.boolean(), v.null()]),
  v.transform((value) => (value === null ? '' : String(value))),
);
const texts = v.record(v.string(), text);
const list = v.union([
  v.pipe(
    v.string(),
    v.transform((one) => [one]),
  ),
  v.array(v.string()),
]);

const concurrency = v.union([
  v.pipe(
    v.string(),
    v.transform((group) => ({ group })),
  ),
  v.strictObject({
    group: v.string(),
    'cancel-in-progress': v.optional(text),
    queue: v.optional(v.picklist(['single', 'max'])),
  }),
]);

const permissions = v.union([
  v.picklist(['read-all', 'write-all']),
  v.record(v.string(), v.picklist(['read', 'write', 'none'])),
]);

const defaults = v.strictObject({
  run: v.strictObject({ shell: v.optional(v.string()), 'working-directory': v.optional(v.string()) }),
});

const step = v.strictObject({
  name: v.optional(text),
  id: v.optional(v.string()),
  if: v.optional(text),
  run: v.optional(text),
  uses: v.optional(v.string()),
  with: v.optional(texts, {}),
  env: v.optional(texts, {}),
  shell: v.optional(v.string()),
  'working-directory': v.optional(text),
  'timeout-minutes': v.optional(text),
  'continue-on-error': v.optional(text),
});

const service = v.union([
  v.pipe(
    v.string(),
    v.transform(
      (image): v.InferOutput<typeof serviceMapping> => ({ image, env: {}, ports: [], volumes: [] }),
    ),
  ),
  v.lazy(() => serviceMapping),
]);
const serviceMapping = v.strictObject({
  image: v.string(),
  options: v.optional(v.string()),
  env: v.optional(texts, {}),
  ports: v.optional(v.array(text), []),
  volumes: v.optional(v.array(v.string()), []),
  entrypoint: v.optional(v.string()),
  command: v.optional(v.string()),
});

const job = v.strictObject({
  name: v.optional(text),
  needs: v.optional(list, []),
  if: v.optional(text),
  'runs-on': v.optional(v.union([v.string(), v.array(v.string())])),
  'timeout-minutes': v.optional(text),
  environment: v.optional(
    v.union([v.string(), v.strictObject({ name: v.string(), url: v.optional(v.string()) })]),
  ),
  permissions: v.optional(permissions),
  concurrency: v.optional(concurrency),
  defaults: v.optional(defaults),
  env: v.optional(texts, {}),
  services: v.optional(v.record(v.string(), service), {}),
  outputs: v.optional(texts, {}),
  steps: v.optional(v.array(step), []),
  /** A workflow that is called instead of steps. */
  uses: v.optional(v.string()),
  with: v.optional(v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])), {}),
  secrets: v.optional(texts, {}),
});

const input = v.object({
  description: v.optional(v.string()),
  required: v.optional(v.boolean(), false),
  default: v.optional(v.union([v.string(), v.number(), v.boolean()])),
  type: v.optional(v.picklist(['string', 'number', 'boolean', 'choice', 'environment']), 'string'),
  options: v.optional(v.array(v.string())),
});

const declared = v.nullish(
  v.looseObject({
    inputs: v.nullish(v.record(v.string(), v.nullish(input))),
    secrets: v.nullish(v.record(v.string(), v.nullish(v.looseObject({ required: v.optional(v.boolean()) })))),
    outputs: v.nullish(v.record(v.string(), v.looseObject({ value: text }))),
    types: v.optional(list),
  }),
);
const events = v.pipe(
  v.union([
    v.pipe(
      list,
      v.transform((names): Record<string, unknown> => Object.fromEntries(names.map((name) => [name, null]))),
    ),
    v.record(v.string(), v.unknown()),
  ]),
  v.transform((on) => {
    const entries = Object.entries(on).map(([name, value]) => [name, name === 'schedule' ? null : value]);
    return Object.fromEntries(entries) as Record<string, unknown>;
  }),
  v.record(v.string(), declared),
);

const workflow = v.strictObject({
  name: v.optional(v.string()),
  'run-name': v.optional(v.string()),
  on: events,
  env: v.optional(texts, {}),
  permissions: v.optional(permissions),
  concurrency: v.optional(concurrency),
  defaults: v.optional(defaults),
  jobs: v.record(v.string(), job),
});

const action = v.strictObject({
  name: v.string(),
  description: v.optional(v.string()),
  author: v.optional(v.string()),
  branding: v.optional(v.unknown()),
  inputs: v.optional(
    v.record(
      v.string(),
      v.strictObject({
        description: v.optional(v.string()),
        required: v.optional(v.boolean()),
        default: v.optional(text),
        deprecationMessage: v.optional(v.string()),
      }),
    ),
    {},
  ),
  outputs: v.optional(
    v.record(v.string(), v.strictObject({ description: v.optional(v.string()), value: v.optional(text) })),
    {},
  ),
  runs: v.union([
    v.strictObject({ using: v.literal('composite'), steps: v.array(step) }),
    v.strictObject({
      using: v.pipe(v.string(), v.regex(/^node\d+$/)),
      main: v.string(),
      post: v.optional(v.string()),
      'post-if': v.optional(text),
    }),
  ]),
});

export type Workflow = v.InferOutput<typeof workflow>;
export type Job = v.InferOutput<typeof job>;
export type Step = v.InferOutput<typeof step>;
export type Service = v.InferOutput<typeof serviceMapping>;
export type Concurrency = v.InferOutput<typeof concurrency>;
export type Permissions = v.InferOutput<typeof permissions>;
export type Action = v.InferOutput<typeof action>;
export type EventDeclaration = v.InferOutput<typeof declared>;

/** Throws if the text is no workflow or holds something that this runner does not carry out. */
export function parseWorkflow(source: string): Workflow {
  return checked(workflow, source, 'the workflow');
}

/** The action in a folder; throws as the runner does if there is none. */
export async function readAction(folder: string, uses: string): Promise<Action> {
  for (const name of ['action.yml', 'action.yaml']) {
    const source = await readFile(join(folder, name), 'utf8').catch(() => undefined);
    if (source !== undefined) return checked(action, source, `${uses}/${name}`);
  }
  throw new Error(
    `Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '${folder}'. Did you forget to run actions/checkout before running your local action?`,
  );
}

function checked<Schema extends v.GenericSchema>(
  schema: Schema,
  source: string,
  what: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, parse(source));
  if (result.success) return result.output;
  const issues = result.issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`);
  throw new Error(`${what} cannot be carried out here: ${issues.join('; ')}`);
}
