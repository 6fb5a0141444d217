import { statSync } from 'node:fs';
import { findNodeAtLocation, getNodeValue, type Node } from 'jsonc-parser';
import * as v from 'valibot';
import { codeOf, explain } from '../../base/errors.ts';
import { EXTRAS_LIST_BYTES } from '../../base/limits/extras.ts';
import { EXTRAS } from '../../base/limits/manifest.ts';
import { chunksOfSync } from '../../files/open.ts';
import { parseJsonc } from '../config/syntax.ts';
import { nearest } from '../nearest.ts';
import { SettingError } from '../read.ts';
import { Entry, FIELDS } from './fields.ts';

const List = v.strictObject({
  $schema: v.optional(v.string()),
  extras: v.pipe(
    v.array(Entry, 'takes a list of entries'),
    v.maxLength(EXTRAS, `has more than ${EXTRAS} entries`),
  ),
});

/**
 * Reads a list of extras, which decides what every client loads: nobody but its owner's group may write to it. Throws
 * `setting/invalid` with all that is wrong, each with its line and column.
 */
export function readExtrasList(path: string): readonly Entry[] {
  const { root, placeOf } = parseJsonc(textOf(path), path);
  const parsed = v.safeParse(List, getNodeValue(root));
  const problems = new Map<Node, string>();
  for (const issue of parsed.issues ?? []) {
    const at = (issue.path ?? []).map(({ key }) => key as string | number);
    const isUnknown = issue.type === 'strict_object' && issue.expected === 'never';
    const node = nodeAt(root, at, isUnknown);
    if (!problems.has(node)) problems.set(node, wordsFor(issue, at));
  }
  for (const node of twice(root)) problems.set(node, `${JSON.stringify(node.value)} stands there twice`);
  if (parsed.success && problems.size === 0) return parsed.output.extras;
  const told = [...problems]
    .toSorted(([one], [other]) => one.offset - other.offset)
    .slice(0, TOLD)
    .map(([node, what]) => {
      const { line, column } = placeOf(node);
      return `${path}:${line}:${column}: ${what}`;
    });
  throw new SettingError('setting/invalid', told.join('; '), {
    advice: 'site/extras.schema.json describes every key, and site/extras.example.jsonc shows them',
  });
}

/** So many problems of one file are told at once. */
const TOLD = 10;

function textOf(path: string): string {
  const wrong = (what: string, cause?: unknown) =>
    new SettingError('setting/invalid', `the list of extras ${path} ${what}`, {
      advice: `Look at it: ls -l '${path}'`,
      ...(cause !== undefined && { cause }),
    });
  const chunks: Buffer[] = [];
  try {
    const { mode, size } = statSync(path);
    if ((mode & 0o002) !== 0)
      throw wrong(
        'can be written by every account of this machine, which so decides what clients load (chmod o-w)',
      );
    if (size > EXTRAS_LIST_BYTES) throw wrong(`has more than ${EXTRAS_LIST_BYTES} bytes`);
    for (const chunk of chunksOfSync(path, { follow: true })) chunks.push(Buffer.from(chunk));
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    if (error instanceof SettingError) throw error;
    if (error instanceof TypeError) throw wrong('is not UTF-8', error);
    throw wrong(codeOf(error) === 'ENOENT' ? 'is not there' : `cannot be read: ${explain(error)}`, error);
  }
}

/** The node that an issue is about: the key if that is unknown, the object if a key is missing, else the value. */
function nodeAt(root: Node, path: readonly (string | number)[], isUnknown: boolean): Node {
  for (let length = path.length; length > 0; length--) {
    const node = findNodeAtLocation(root, path.slice(0, length));
    if (node !== undefined) return isUnknown ? (node.parent?.children?.[0] ?? node) : node;
  }
  return root;
}

function wordsFor(issue: v.BaseIssue<unknown>, path: readonly (string | number)[]): string {
  const key = String(path.at(-1) ?? '');
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const meant = nearest(key, Object.keys(FIELDS));
    return `${JSON.stringify(key)} is unknown${meant === undefined ? '' : ` (did you mean ${JSON.stringify(meant)}?)`}`;
  }
  if (issue.type === 'strict_object' && issue.received === 'undefined') return `${key} is needed`;
  if (issue.type === 'strict_object')
    return path.length === 0
      ? 'the file holds one object: { "extras": [ … ] }'
      : 'an entry is an object: { "name": …, "url": … }';
  if (issue.type === 'string') return `${key} takes a text in quotes`;
  return `${key} ${issue.message}`;
}

/** Keys that stand in an object for the second time. */
function twice(node: Node): Node[] {
  const keys = (node.type === 'object' ? (node.children ?? []) : []).flatMap(
    ({ children: [key] = [] }) => key ?? [],
  );
  const again = keys.filter((key, at) => keys.findIndex((other) => other.value === key.value) < at);
  return [...again, ...(node.children ?? []).flatMap(twice)];
}
