import { parse } from 'yaml';
import { words } from '../support/runner/services.ts';
import type { Breach } from './policy.ts';

/** Rules against known attacks on workflows. Where there is a choice, what is allowed is listed, and not what is not. */
export type Danger =
  /** An event by which others bring their code or words beside our rights. */
  | 'trigger'
  /** A checkout of anything but the commit that the workflow itself is of. */
  | 'foreign-checkout'
  /** A file by which a step sets variables or the PATH of later ones, or an output out of others' words. */
  | 'command-file'
  /** Secrets that are handed on as a whole, by a computed name, or to more than one step. */
  | 'secrets'
  /** Code that is fetched and run without a pin. */
  | 'foreign-code'
  /** A container with more than it needs, or without a limit. */
  | 'service-options'
  /** What other runs left, beside the right to write. */
  | 'left-behind'
  /** A machine that is not GitHub's and new. */
  | 'runner'
  /** Rights or secrets where others' pull requests run. */
  | 'fork-rights'
  /** A variable that changes what a program of the step runs. */
  | 'unsafe-variable'
  /** An expression inside a script that is no `run:`. */
  | 'expression-in-script'
  /** A role that is assumed before packages are installed. */
  | 'early-role';

/** Machines that a job may run on: those that its own matrix lists, or the one that it names. */
function machinesOf({ 'runs-on': machine, strategy }: Job): readonly unknown[] {
  if (machine === undefined) return [];
  const listed = strategy?.matrix?.include?.map(({ runner }) => runner) ?? [];
  return machine === OF_THE_MATRIX && listed.length > 0 ? listed : [machine];
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: it is an expression of GitHub's
const OF_THE_MATRIX = '${{ matrix.runner }}';
/** GitHub's own, for either processor. */
const MACHINE = /^ubuntu-\d\d\.\d\d(-arm)?$/;

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, unknown>>;
}
interface Service {
  readonly options?: string;
  readonly volumes?: unknown;
}
interface Job {
  readonly 'runs-on'?: unknown;
  readonly strategy?: {
    readonly matrix?: { readonly include?: readonly Readonly<Record<string, unknown>>[] };
  };
  readonly permissions?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, unknown>>;
  readonly steps?: readonly Step[];
  readonly container?: unknown;
  readonly services?: Readonly<Record<string, Service>>;
}

const TRIGGERS = /^(push|pull_request|schedule|workflow_dispatch|workflow_call|repository_dispatch)$/;
/** What a step may check out, beside what it does without a word. */
const OWN_CODE = /^(\$\{\{ job\.workflow_(sha|repository) \}\}|[\w.-]+(\/[\w.-]+)?)$/;
/** Words that somebody else chose: of an event, a branch, or an earlier job, which may have met upstream. */
const OTHERS_WORDS =
  /\$\{\{[^}]*\b(github\.(event|head_ref|ref_name|actor|triggering_actor)|inputs|needs|steps)\b/;
const VARIABLE_FILES = /\bGITHUB_(ENV|PATH)\b|\b(exportVariable|addPath)\b|::(set-env|add-path)/;
const ANSWER_FILES = /\bGITHUB_(OUTPUT|STATE|STEP_SUMMARY)\b|\b(setOutput|saveState)\b/;
const FETCHED =
  /(curl|wget)\b[^\n]*\|\s*(sudo\s+)?(env\s+)?((ba|z|da|k)?sh|python3?|node|perl|ruby)\b|<\(\s*(curl|wget)|\b((ba|z|da|k)?sh|eval)\b[^\n]*\$\(\s*(curl|wget)|\b(npx|npm (exec|install|i|x)|pnpm dlx|yarn dlx|pipx?3? (install|run)|gem install|go (install|run))\b/;
const OPTIONS = [
  /^--cap-drop=ALL$/,
  /^--cap-add=SETGID$/, // freshclam as root calls initgroups(), even to stay root
  /^--security-opt=no-new-privileges$/,
  /^--memory=\d+[mg]$/,
  /^--add-host=host\.docker\.internal:host-gateway$/,
  /^--health-(cmd|interval|retries|timeout|start-period)$/,
];
const NEEDED_OPTIONS = ['--cap-drop=ALL', '--security-opt=no-new-privileges', '--memory='];
const UNSAFE =
  /^(ACTIONS_ALLOW_UNSECURE_COMMANDS|ACTIONS_(RUNNER|STEP)_DEBUG|BASH_ENV|ENV|LD_(PRELOAD|LIBRARY_PATH|AUDIT)|NODE_OPTIONS|NODE_PATH|PYTHON(PATH|STARTUP)|PERL5(OPT|LIB)|GIT_(SSH|SSH_COMMAND|CONFIG\w*)|PATH)$/;

/** Where a workflow or an action.yml gives an attacker a hold. */
export function dangers(source: string): Breach[] {
  const found: Breach[] = [];
  const check = (rule: Danger, holds: boolean, ...where: readonly (string | number)[]) => {
    if (!holds) found.push({ rule, where: where.join('.') });
  };
  const file = parse(source);
  const expressions = [...source.matchAll(/\$\{\{(.*?)\}\}/gs)].map(([, text = '']) => text);
  for (const text of expressions) {
    check('secrets', !/toJSON\(\s*(secrets|github|env)\s*\)|\bsecrets\s*(\[|\.\*)/i.test(text), text.trim());
  }
  const events = eventsOf(file);
  for (const event of events) check('trigger', TRIGGERS.test(event), 'on', event);
  checkVariables(file.env, 'env');
  check('secrets', !/\bsecrets\./.test(JSON.stringify(file.env ?? {})), 'env');

  const jobs: Record<string, Job> = file.jobs ?? { action: file.runs ?? {} };
  for (const [id, job] of Object.entries(jobs)) {
    const writes = Object.values(job.permissions ?? {}).includes('write');
    check(
      'runner',
      machinesOf(job).every((machine) => MACHINE.test(String(machine))),
      id,
      'runs-on',
    );
    check('service-options', job.container === undefined, id, 'container');
    for (const [name, service] of Object.entries(job.services ?? {})) {
      check('service-options', areConfined(service), id, 'services', name);
    }
    checkVariables(job.env, id, 'env');
    check('secrets', !/\bsecrets\./.test(JSON.stringify(job.env ?? {})), id, 'env');
    if (events.includes('pull_request')) {
      check('fork-rights', !writes && !/\bsecrets\./.test(JSON.stringify(job)), id);
    }
    checkSteps(id, job.steps ?? [], writes);
  }
  return found;

  function checkSteps(id: string, steps: readonly Step[], writes: boolean): void {
    let isInstalled = false;
    for (const [at, { uses = '', run = '', shell, with: given = {}, env }] of steps.entries()) {
      const where = [id, 'steps', at] as const;
      const code = `${run}\n${given.script ?? ''}`;
      checkVariables(env, ...where);
      if (uses.startsWith('actions/checkout@')) {
        const asked = [given.ref, given.repository].filter((text) => text !== undefined);
        check(
          'foreign-checkout',
          asked.every((text) => isOwnCode(String(text))),
          ...where,
        );
      }
      check('command-file', !VARIABLE_FILES.test(code), ...where);
      const isToldByOthers = OTHERS_WORDS.test(JSON.stringify([env ?? {}, given.script ?? '']));
      check('command-file', !(ANSWER_FILES.test(run) && isToldByOthers), ...where);
      check('foreign-code', !FETCHED.test(code), ...where);
      check('foreign-code', shell === undefined || shell === 'bash', ...where);
      check('foreign-code', !uses.startsWith('docker:'), ...where);
      check('expression-in-script', !String(given.script ?? '').includes('${{'), ...where);
      const takesCache =
        /^actions\/(cache|download-artifact)(\/\w+)?@/.test(uses) ||
        (/^actions\/setup-/.test(uses) &&
          (given.cache !== undefined || String(given['package-manager-cache'] ?? true) !== 'false'));
      check('left-behind', !(takesCache && writes), ...where);
      check('early-role', isInstalled || !/configure-aws-credentials@/.test(uses), ...where);
      isInstalled ||= /\binstall\.sh\b|\bnpm ci\b/.test(run);
    }
  }

  function checkVariables(
    env: Readonly<Record<string, unknown>> | undefined,
    ...where: readonly (string | number)[]
  ) {
    for (const name of Object.keys(env ?? {})) check('unsafe-variable', !UNSAFE.test(name), ...where, name);
  }
}

function eventsOf({ on }: { readonly on?: unknown }): string[] {
  if (typeof on === 'string') return [on];
  return Array.isArray(on) ? on.map(String) : Object.keys(on ?? {});
}

function isOwnCode(text: string): boolean {
  return OWN_CODE.test(text) && !text.startsWith('refs/');
}

/** Without a power that it has no use for, and with an end to what it may take. */
function areConfined({ options = '', volumes }: Service): boolean {
  const given = words(options);
  const flags = given.filter(
    (word, at) => word.startsWith('-') || !/^--health-\w+$/.test(given[at - 1] ?? ''),
  );
  return (
    volumes === undefined &&
    flags.every((flag) => OPTIONS.some((known) => known.test(flag))) &&
    NEEDED_OPTIONS.every((needed) => given.some((word) => word.startsWith(needed)))
  );
}
