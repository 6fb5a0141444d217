/**
 * Base of all errors above the byte layer. The message says what happened and where, `advice` says what to do next, and
 * programs and tests look at `code`.
 *
 * `scripts/cvd/error.ts` has the same shape without importing this file, because `cvd/` stands alone.
 */
export class MirrorError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly advice: string | undefined;

  constructor(code: Code, message: string, options: { advice?: string; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    this.code = code;
    this.advice = options.advice;
  }
}

/** The `code` of any error that carries one: ours, a `CvdError`, or Node's own (`ENOENT`). */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Text of an error for people: the message, each cause that adds something, and the advice. */
export function explain(error: unknown): string {
  const parts: string[] = [];
  let advice: string | undefined;
  for (const at of causesOf(error)) {
    const text = at instanceof Error ? at.message : String(at);
    if (text !== '' && !parts.some((part) => part.includes(text))) parts.push(text);
    if (at instanceof MirrorError) advice ??= at.advice;
  }
  return parts.join(': ') + (advice === undefined ? '' : `. ${advice}`);
}

/** An error and its causes, outermost first, at most eight. */
export function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  for (let at: unknown = error; at !== undefined && causes.length < 8; at = causeOf(at)) causes.push(at);
  return causes;
}

function causeOf(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors[0];
  return error instanceof Error ? error.cause : undefined;
}
