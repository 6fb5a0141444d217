import type { EventDeclaration, Workflow } from './model.ts';

/** What started a run. */
export interface RunEvent {
  readonly name: string;
  /** `github.event`; what follows from the name and the inputs is added. */
  readonly payload?: Readonly<Record<string, unknown>>;
}

/** What a run is given by its event. */
export interface Started {
  /** `github.event`. */
  readonly event: Readonly<Record<string, unknown>>;
  /** The `inputs` context. */
  readonly inputs: Readonly<Record<string, unknown>>;
}

/**
 * What a workflow sees of its event, with the declared defaults. Throws what GitHub answers to a request that does not fit:
 * an event the workflow does not know, inputs that it does not declare, that are missing or of another type.
 */
export function startBy(
  workflow: Workflow,
  { name, payload = {} }: RunEvent,
  given: Readonly<Record<string, unknown>>,
): Started {
  if (!(name in workflow.on)) throw new Error(`the workflow has no '${name}' trigger`);
  const declared = workflow.on[name];
  if (name === 'workflow_dispatch') {
    const inputs = takeInputs(declared, given);
    const texts = Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, String(value)]));
    return { event: { ...payload, inputs: texts }, inputs };
  }
  if (name === 'workflow_call') return { event: payload, inputs: takeInputs(declared, given) };
  if (Object.keys(given).length > 0) throw new Error(`'${name}' has no inputs`);
  if (name === 'repository_dispatch' && declared?.types !== undefined) {
    const { action } = payload;
    if (typeof action !== 'string' || !declared.types.includes(action)) {
      throw new Error(`the workflow does not run for the type '${action}'`);
    }
  }
  return { event: payload, inputs: {} };
}

/** Inputs with their types; for a dispatch they may come as texts. */
export function takeInputs(
  declared: EventDeclaration,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const inputs = declared?.inputs ?? {};
  const unexpected = Object.keys(given).filter((name) => !(name in inputs));
  if (unexpected.length > 0) throw new Error(`Unexpected inputs provided: ${JSON.stringify(unexpected)}`);
  const entries = Object.entries(inputs).map(([name, input]) => {
    const { type = 'string', required = false, options = [], default: usual } = input ?? {};
    const value = given[name] ?? usual;
    if (value === undefined || (required && value === '')) {
      if (required) throw new Error(`Required input '${name}' not provided`);
      return [
        name,
        type === 'boolean' ? false : type === 'number' ? 0 : type === 'choice' ? (options[0] ?? '') : '',
      ];
    }
    return [name, typed(name, type, value, options)];
  });
  return Object.fromEntries(entries);
}

function typed(name: string, type: string, value: unknown, options: readonly string[]): unknown {
  const text = String(value);
  if (type === 'boolean') {
    if (text === 'true' || text === 'false') return text === 'true';
  } else if (type === 'number') {
    if (text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
  } else if (type === 'choice') {
    if (options.includes(text)) return text;
  } else if (typeof value === 'string') return value;
  throw new Error(`Provided value '${text}' for input '${name}' is not a ${type}`);
}
