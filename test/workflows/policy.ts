import { isMap, isScalar, isSeq, type Node, parseDocument, type YAMLMap } from 'yaml';
import { type Danger, dangers } from './dangers.ts';

/** The project's own rules for workflows and actions; `Danger` has those against known attacks. */
export type Rule =
  | Danger
  | 'cron-minute'
  | 'kebab-case'
  | 'description'
  | 'permissions'
  | 'grant-reason'
  | 'job-timeout'
  | 'step-timeout'
  | 'concurrency'
  | 'guard'
  | 'inherited-secrets'
  | 'image-digest'
  | 'pin'
  | 'third-party'
  | 'persisted-credentials'
  | 'expression-in-run';

export interface Breach {
  readonly rule: Rule;
  /** A path into the file, such as `jobs.check.steps.0.uses`. */
  readonly where: string;
}

const ALLOWED = /^(actions\/[\w-]+|aws-actions\/configure-aws-credentials)(\/|@)/;
const PIN = /^[\w.-]+(\/[\w.-]+)+@[0-9a-f]{40}$/;
/** An image by its digest, or one that the check job has chosen (scripts/watch/check-images.ts). */
const PINNED =
  /^\S+@sha256:[0-9a-f]{64}$|^\$\{\{ (.+ && )?needs\.check\.outputs\.(newest|oldest)-image( \|\| '')? \}\}$/;
const VERSION = /^ v\d+(\.\d+)+$/;

/** Where a workflow or an action.yml breaks a rule. */
export function breaches(source: string): Breach[] {
  const found: Breach[] = dangers(source);
  const document = parseDocument(source);
  const at = (...path: readonly (string | number)[]) => document.getIn(path, true) as Node | undefined;
  const value = (...path: readonly (string | number)[]): unknown => document.getIn(path);
  const keys = (...path: readonly (string | number)[]): string[] => keysOf(at(...path));
  const check = (rule: Rule, holds: boolean, ...path: readonly (string | number)[]) => {
    if (!holds) found.push({ rule, where: path.join('.') });
  };

  const checkDeclared = (described: readonly string[], ...path: readonly string[]) => {
    for (const name of keys(...path)) {
      check('kebab-case', /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name), ...path, name);
      if (described.includes(path.at(-1) ?? '')) {
        const text = value(...path, name, 'description');
        check('description', typeof text === 'string' && text.trim() !== '', ...path, name);
      }
    }
  };
  const checkUses = (...path: readonly (string | number)[]) => {
    const uses = value(...path, 'uses');
    if (typeof uses !== 'string' || /^[.$]\//.test(uses)) return;
    const node = at(...path, 'uses');
    check('pin', PIN.test(uses) && VERSION.test(node?.comment ?? ''), ...path, 'uses');
    check('third-party', ALLOWED.test(uses), ...path, 'uses');
    if (uses.startsWith('actions/checkout@')) {
      const persist = value(...path, 'with', 'persist-credentials');
      check('persisted-credentials', String(persist) === 'false', ...path);
    }
  };
  const checkSteps = (limit: number | undefined, ...path: readonly (string | number)[]) => {
    const steps = at(...path);
    for (const index of isSeq(steps) ? steps.items.keys() : []) {
      const step = [...path, index];
      checkUses(...step);
      const run = value(...step, 'run');
      check('expression-in-run', !String(run ?? '').includes('${{'), ...step, 'run');
      if (limit === undefined) continue;
      const timeout = value(...step, 'timeout-minutes');
      // What others' actions do is short; what we run must end before the job does, or nobody is told why.
      const isOurs = run !== undefined || /^[.$]\//.test(String(value(...step, 'uses')));
      if (isOurs || timeout !== undefined) {
        check('step-timeout', typeof timeout === 'number' && timeout < limit, ...step);
      }
    }
  };

  if (value('runs') !== undefined) {
    checkDeclared(['inputs', 'outputs'], 'inputs');
    checkDeclared(['inputs', 'outputs'], 'outputs');
    checkSteps(undefined, 'runs', 'steps');
    return found;
  }

  const schedule = at('on', 'schedule');
  for (const index of isSeq(schedule) ? schedule.items.keys() : []) {
    const minutes =
      String(value('on', 'schedule', index, 'cron'))
        .split(' ')[0]
        ?.split(',') ?? [];
    const areOdd = minutes.every((minute) => /^\d+$/.test(minute) && Number(minute) % 2 === 1);
    check('cron-minute', areOdd, 'on', 'schedule', index);
  }
  for (const event of ['workflow_dispatch', 'workflow_call']) {
    for (const part of ['inputs', 'secrets', 'outputs']) {
      checkDeclared(['inputs', 'secrets', 'outputs'], 'on', event, part);
    }
  }

  const permissions = at('permissions');
  check('permissions', isMap(permissions) && permissions.items.length === 0, 'permissions');
  for (const id of keys('jobs')) {
    const job = ['jobs', id];
    const granted = at(...job, 'permissions');
    check('permissions', isMap(granted), ...job, 'permissions');
    for (const name of keysOf(granted)) {
      const comment = at(...job, 'permissions', name)?.comment ?? '';
      check('grant-reason', /\w+ \w+/.test(comment), ...job, 'permissions', name);
    }
    const isGuarded = /\b(github\.repository|vars)\b/.test(String(value(...job, 'if')));
    check('guard', isGuarded, ...job, 'if');
    const group = (node: unknown) => typeof node === 'string' || (isMap(node) && node.has('group'));
    check('concurrency', group(value('concurrency')) || group(value(...job, 'concurrency')), ...job);
    check('inherited-secrets', value(...job, 'secrets') !== 'inherit', ...job, 'secrets');
    checkUses(...job);
    if (value(...job, 'uses') !== undefined) continue; // its own jobs have the rest

    const limit = value(...job, 'timeout-minutes');
    check('job-timeout', typeof limit === 'number', ...job);
    for (const image of imagesOf(at(...job) as YAMLMap)) {
      check('image-digest', PINNED.test(image), ...job);
    }
    checkSteps(typeof limit === 'number' ? limit : Infinity, ...job, 'steps');
  }
  return found;
}

/** Of the job's container and of its services. */
function imagesOf(job: YAMLMap): string[] {
  const services = job.get('services');
  const places = [job.get('container'), ...(isMap(services) ? services.items.map(({ value }) => value) : [])];
  return places.flatMap((place) => {
    if (place === undefined || place === null) return [];
    if (isMap(place)) return [String(place.get('image'))];
    return [isScalar(place) ? String(place.value) : String(place)];
  });
}

function keysOf(node: unknown): string[] {
  return isMap(node) ? node.items.map(({ key }) => String(key)) : [];
}
