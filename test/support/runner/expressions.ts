import { data, Evaluator, type Expr, Lexer, Parser } from '@actions/expressions';
import { Binary, FunctionCall, Grouping, IndexAccess, Logical, Unary } from '@actions/expressions/ast';
import type { FunctionDefinition } from '@actions/expressions/funcs/info';
import { truthy } from '@actions/expressions/result';

/** What an expression can see where it stands. */
export interface Scope {
  readonly contexts: Readonly<Record<string, unknown>>;
  readonly functions?: readonly FunctionDefinition[];
}

/** What success(), failure() and cancelled() answer. */
export interface Status {
  success(): boolean;
  failure(): boolean;
  cancelled(): boolean;
}

/** A text with `${{ }}` in it, as a text. */
export function fill(template: string, scope: Scope): string {
  return fillTyped(template, scope).coerceString();
}

/** Like `fill` for each value. */
export function fillAll(templates: Readonly<Record<string, string>>, scope: Scope): Record<string, string> {
  return Object.fromEntries(Object.entries(templates).map(([key, value]) => [key, fill(value, scope)]));
}

/** A value that is one expression keeps its type: a boolean input is handed on as a boolean. */
export function fillValue(template: string, scope: Scope): unknown {
  return JSON.parse(JSON.stringify(fillTyped(template, scope), data.replacer));
}

/** Whether an `if` holds. Without a function that looks at the status, `success()` is asked as well. */
export function holds(condition: string | undefined, scope: Scope): boolean {
  const trimmed = condition?.trim() ?? '';
  if (trimmed === '') return truthy(evaluate('success()', scope));
  const parts = split(trimmed);
  const [only] = parts;
  if (parts.some((part) => part.expression) && !(parts.length === 1 && only?.expression === true)) {
    // GitHub makes format(…) of it, whose text is true unless it is empty.
    return truthy(evaluate('success()', scope)) && fill(trimmed, scope) !== '';
  }
  const expression = only?.expression === true ? only.text : trimmed;
  const asks = asksForStatus(treeOf(expression, scope));
  return truthy(evaluate(asks ? expression : `success() && (${expression})`, scope));
}

/** The four functions of an `if`. */
export function statusFunctions(status: Status): FunctionDefinition[] {
  const define = (name: string, call: () => boolean): FunctionDefinition => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(call()),
  });
  return [
    define('always', () => true),
    define('success', () => status.success()),
    define('failure', () => status.failure()),
    define('cancelled', () => status.cancelled()),
  ];
}

function fillTyped(template: string, scope: Scope): data.ExpressionData {
  const parts = split(template);
  const [only] = parts;
  if (parts.length === 1 && only?.expression === true) return evaluate(only.text, scope);
  const texts = parts.map(({ text, expression }) =>
    expression ? evaluate(text, scope).coerceString() : text,
  );
  return new data.StringData(texts.join(''));
}

function evaluate(expression: string, scope: Scope): data.ExpressionData {
  const { contexts, functions = [] } = scope;
  const values: data.ExpressionData = JSON.parse(JSON.stringify(contexts), data.reviver);
  if (!(values instanceof data.Dictionary)) throw new Error('contexts are no mapping');
  const own = new Map(functions.map((definition) => [definition.name.toLowerCase(), definition]));
  return new Evaluator(treeOf(expression, scope), values, own).evaluate();
}

function treeOf(expression: string, { contexts, functions = [] }: Scope): Expr {
  try {
    return new Parser(new Lexer(expression).lex().tokens, Object.keys(contexts), [...functions]).parse();
  } catch (error) {
    throw new Error(`\${{ ${expression} }}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Cuts a text into plain parts and the insides of `${{ }}`; quotes may hold `}}`. */
function split(template: string): { text: string; expression: boolean }[] {
  const parts: { text: string; expression: boolean }[] = [];
  let at = 0;
  while (at < template.length) {
    const start = template.indexOf('${{', at);
    if (start === -1) break;
    const inside = /^(?:[^'}]|'(?:[^']|'')*'|\}(?!\}))*/.exec(template.slice(start + 3))?.[0] ?? '';
    const end = start + 3 + inside.length;
    if (!template.startsWith('}}', end)) throw new Error(`an expression does not end: ${template}`);
    if (start > at) parts.push({ text: template.slice(at, start), expression: false });
    parts.push({ text: inside.trim(), expression: true });
    at = end + 2;
  }
  if (at < template.length || parts.length === 0) parts.push({ text: template.slice(at), expression: false });
  return parts;
}

function asksForStatus(tree: Expr): boolean {
  if (tree instanceof FunctionCall) {
    const name = tree.functionName.lexeme.toLowerCase();
    return ['always', 'success', 'failure', 'cancelled'].includes(name) || tree.args.some(asksForStatus);
  }
  if (tree instanceof Binary) return asksForStatus(tree.left) || asksForStatus(tree.right);
  if (tree instanceof Logical) return tree.args.some(asksForStatus);
  if (tree instanceof Unary) return asksForStatus(tree.expr);
  if (tree instanceof Grouping) return asksForStatus(tree.group);
  if (tree instanceof IndexAccess) return asksForStatus(tree.expr) || asksForStatus(tree.index);
  return false;
}
