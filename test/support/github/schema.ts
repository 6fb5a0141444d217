import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv, type ValidateFunction } from 'ajv';

/** One operation of GitHub's API, as GitHub describes it. Each check returns what does not fit, or nothing. */
export interface Operation {
  readonly template: string;
  checkQuery(query: URLSearchParams): string | undefined;
  checkBody(body: unknown): string | undefined;
  checkAnswer(status: number, body: unknown): string | undefined;
  /** GitHub's own example of a good answer, about this repository; a new copy each time. */
  example(slug: string): unknown;
}

type Json = Record<string, unknown>;
interface Described {
  readonly parameters?: Json[];
  readonly requestBody?: { content: Record<string, { schema: Json }> };
  readonly responses: Record<string, Json>;
}

const ID = 'github';
const REPOSITORY = '/repos/{owner}/{repo}';
const OPERATIONS = [
  ['GET', '/user'],
  ['GET', REPOSITORY],
  ['GET', `${REPOSITORY}/issues`],
  ['POST', `${REPOSITORY}/issues`],
  ['PATCH', `${REPOSITORY}/issues/{issue_number}`],
  ['POST', `${REPOSITORY}/issues/{issue_number}/comments`],
  ['GET', `${REPOSITORY}/actions/workflows/{workflow_id}`],
  ['GET', `${REPOSITORY}/actions/workflows/{workflow_id}/runs`],
] as const;

let described: ReadonlyMap<string, Operation> | undefined;

/** The operations that our stand-in knows, by method and template: `GET /user`. Read once: the description is 13 MB. */
export function operations(): ReadonlyMap<string, Operation> {
  described ??= readOperations();
  return described;
}

function readOperations(): Map<string, Operation> {
  const path = createRequire(import.meta.url).resolve('@octokit/openapi/generated/api.github.com.json');
  const whole = JSON.parse(readFileSync(path, 'utf8'));
  const pruned: Json = { $id: ID, paths: {}, components: {} };
  for (const [method, template] of OPERATIONS) {
    const operation = whole.paths[template][method.toLowerCase()];
    graft(pruned, ['paths', template, method.toLowerCase()], operation);
    carryReferences(whole, operation, pruned);
  }
  const examples = structuredClone(pruned);
  const ajv = makeAjv(false).addSchema(jsonSchema(pruned) as Json);
  const operation = (method: string, template: string) =>
    describe(ajv, examples, template, ['paths', template, method.toLowerCase()]);
  return new Map(
    OPERATIONS.map(([method, template]) => [`${method} ${template}`, operation(method, template)]),
  );
}

function describe(ajv: Ajv, document: Json, template: string, at: string[]): Operation {
  const operation = walk(document, at) as unknown as Described;
  const validators = new Map<string, ValidateFunction>();
  const check = (path: string[], value: unknown) => {
    const $ref = `${ID}#/${path.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
    const validate = validators.get($ref) ?? ajv.compile({ $ref });
    validators.set($ref, validate);
    return validate(value) ? undefined : ajv.errorsText(validate.errors);
  };
  const media = ['content', 'application/json', 'schema'];
  const resolved = (part: Json, path: string[]): string[] =>
    typeof part.$ref === 'string' ? part.$ref.slice(2).split('/') : path;
  return {
    template,
    checkQuery: queryCheck(document, operation.parameters ?? []),
    checkBody(body) {
      const schema = operation.requestBody?.content['application/json']?.schema;
      if (schema === undefined) return body === undefined ? undefined : 'takes no body';
      // GitHub overlooks what it does not know; from us it would be a slip.
      const unknown = Object.keys(body ?? {}).filter(
        (name) => !Object.hasOwn(schema.properties as Json, name),
      );
      if (unknown.length > 0) return `takes no ${unknown.join(', ')}`;
      return check([...at, 'requestBody', ...media], body);
    },
    checkAnswer(status, body) {
      const response = operation.responses[status];
      if (response === undefined) return undefined;
      return check([...resolved(response, [...at, 'responses', String(status)]), ...media], body);
    },
    example(slug) {
      const good = operation.responses['200'] ?? operation.responses['201'] ?? {};
      const [first] = Object.values((walk(good, ['content', 'application/json', 'examples']) ?? {}) as Json);
      const example = walk(document, resolved(first as Json, []));
      return JSON.parse(
        JSON.stringify(example?.value).replaceAll(/octo(cat\/Hello-World|-org\/octo-repo)/g, slug),
      );
    },
  };
}

function queryCheck(document: Json, parameters: Json[]): Operation['checkQuery'] {
  const known = parameters
    .map((one) => (typeof one.$ref === 'string' ? (walk(document, one.$ref.slice(2).split('/')) ?? {}) : one))
    .filter((one) => one.in === 'query');
  const properties = Object.fromEntries(known.map((one) => [String(one.name), jsonSchema(one.schema)]));
  const validate = makeAjv(true).compile({ type: 'object', properties, additionalProperties: false });
  return (query) =>
    validate(Object.fromEntries(query))
      ? undefined
      : JSON.stringify(validate.errors?.map(({ message }) => message));
}

function makeAjv(coerceTypes: boolean): Ajv {
  const formats = {
    'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
    uri: (text: string) => URL.canParse(text.replaceAll(/\{[^}]*\}/g, '')),
  };
  return new Ajv({ strict: false, coerceTypes, formats, logger: false });
}

/** OpenAPI 3.0 as JSON Schema: `nullable` is a type. */
function jsonSchema(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(jsonSchema);
  if (typeof node !== 'object' || node === null) return node;
  const { nullable, examples: _, example: __, ...rest } = node as Json;
  const converted = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, jsonSchema(value)]),
  );
  // Anything but `true` is a property that has the name.
  if (nullable !== true)
    return nullable === undefined ? converted : { ...converted, nullable: jsonSchema(nullable) };
  if (typeof converted.type !== 'string') return { anyOf: [converted, { type: 'null' }] };
  const choices = Array.isArray(converted.enum) ? { enum: [...converted.enum, null] } : {};
  return { ...converted, type: [converted.type, 'null'], ...choices };
}

function carryReferences(whole: Json, node: unknown, pruned: Json): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [name, value] of Object.entries(node)) {
    if (name !== '$ref' || typeof value !== 'string') {
      carryReferences(whole, value, pruned);
      continue;
    }
    const path = value.slice(2).split('/');
    if (walk(pruned, path) !== undefined) continue;
    const target = walk(whole, path);
    graft(pruned, path, target);
    carryReferences(whole, target, pruned);
  }
}

function walk(node: unknown, path: readonly string[]): Json | undefined {
  let at = node;
  for (const part of path) at = typeof at === 'object' && at !== null ? (at as Json)[part] : undefined;
  return at as Json | undefined;
}

function graft(root: Json, path: readonly string[], value: unknown): void {
  let at = root;
  for (const part of path.slice(0, -1)) {
    at[part] ??= {};
    at = at[part] as Json;
  }
  at[path.at(-1) ?? ''] = value;
}
