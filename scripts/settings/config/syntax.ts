import { type Node, type ParseErrorCode, parseTree, printParseErrorCode, visit } from 'jsonc-parser';
import { CONFIG_DEPTH } from '../../base/limits/machine.ts';
import { SettingError } from '../read.ts';

/** A place in a file: line and column, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A file that was parsed, and the way from a node of it to its place. */
export interface Parsed {
  readonly root: Node;
  readonly placeOf: (node: Node) => Place;
}

/**
 * Parses JSON in which comments and a comma behind the last entry may stand. Throws `setting/invalid` at the first thing that
 * is wrong, and before it follows more than a few levels down.
 */
export function parseJsonc(text: string, path: string): Parsed {
  const wrongAt = (offset: number, what: string) => {
    const { line, column } = placeIn(text, offset);
    return new SettingError('setting/invalid', `${path}:${line}:${column}: ${what}`, { advice: ADVICE });
  };
  let depth = 0;
  const enter = (offset: number) => {
    if (++depth > CONFIG_DEPTH) throw wrongAt(offset, 'an object or list that no option has');
  };
  const leave = () => {
    depth -= 1;
  };
  const onError = (error: ParseErrorCode, offset: number) => {
    throw wrongAt(offset, wordsFor(error));
  };
  const visitor = {
    onObjectBegin: enter,
    onArrayBegin: enter,
    onObjectEnd: leave,
    onArrayEnd: leave,
    onError,
  };
  visit(text, visitor, OPTIONS);
  const root = parseTree(text, [], OPTIONS);
  if (root === undefined) throw wrongAt(0, 'nothing is there');
  return { root, placeOf: ({ offset }) => placeIn(text, offset) };
}

const OPTIONS = { allowTrailingComma: true };
const ADVICE = 'It is JSON, in which comments and a comma behind the last entry may stand';

/** The parser's name for an error, such as `CommaExpected`, in plain words. */
function wordsFor(error: ParseErrorCode): string {
  return printParseErrorCode(error).replace(
    /[A-Z]/g,
    (letter, at) => `${at === 0 ? '' : ' '}${letter.toLowerCase()}`,
  );
}

function placeIn(text: string, offset: number): Place {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: lines.length, column: (lines.at(-1) ?? '').length + 1 };
}
