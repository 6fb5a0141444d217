import fc from 'fast-check';
import { codeOf } from '../../../scripts/base/errors.ts';
import { type Command, type Edit, encodeCommand, type LineRef } from '../../../scripts/cvd/cdiff/command.ts';
import { applyNaively, type Files } from './naive.ts';

/** A line may hold any byte but a newline; here it is often empty, like a command, or like another line. */
export const anyLine: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .constantFrom('', ' ', 'a', 'ab c', 'CLOSE', '# b', 'x\r', '\0', 'é')
    .map((text) => Buffer.from(text, 'latin1')),
  fc
    .uint8Array({ maxLength: 24 })
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0x0a ? 0x20 : byte)))),
);

/** The content of a file; sometimes it is empty, sometimes its last line has no newline. */
export const anyContent: fc.Arbitrary<Buffer> = fc
  .tuple(fc.array(anyLine, { maxLength: 12 }), fc.integer({ min: 0, max: 9 }))
  .map(([lines, luck]) => {
    const bytes = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));
    return luck === 0 ? bytes.subarray(0, -1) : bytes;
  });

const NAMES = ['a.ndb', 'b.ldb', 'c.hdb', 'd.fp', 'e.cdb'];

/** One to four files. */
export const anyFiles: fc.Arbitrary<Files> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...NAMES), anyContent), {
    minLength: 1,
    maxLength: 4,
    selector: ([name]) => name,
  })
  .map((files) => new Map(files));

const anyStep = fc.record({
  kind: fc.constantFrom('edit', 'edit', 'edit', 'append', 'move', 'unlink', 'idle'),
  file: fc.nat(),
  other: fc.nat(),
  lines: fc.array(fc.record({ line: fc.nat(), prefix: fc.nat(), text: fc.option(anyLine) }), {
    maxLength: 8,
  }),
  added: fc.array(fc.option(anyLine, { freq: 8, nil: undefined }), { maxLength: 4 }),
});
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** What may be done to some files; `scriptFor` makes of it a script that fits them. */
export const anySteps = fc.array(anyStep, { maxLength: 8 });

/** A valid script for `files`, and what it makes of them. */
export function scriptFor(files: Files, steps: readonly Step[]): { commands: Command[]; files: Files } {
  const commands: Command[] = [];
  let state = files;
  for (const step of steps) {
    const next = commandsOf(state, step);
    commands.push(...next);
    state = applyNaively(state, next);
  }
  return { commands, files: state };
}

/**
 * For a property: leaves out scripts that need more than our limits allow, as a few moves between two files do. That those
 * are refused is shown in test/limits/.
 */
export function unlessTooLarge<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    fc.pre(codeOf(error) !== 'cvd/too-large');
    throw error;
  }
}

/** A script's bytes. */
export function encodeScript(commands: readonly Command[]): Buffer {
  return Buffer.concat(commands.flatMap((command) => [encodeCommand(command), Buffer.from('\n')]));
}

/** The bytes cut at random places; `sizes` are used again and again. */
export function inPieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = Math.max(1, sizes[index % sizes.length] ?? bytes.length);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** One to four bytes changed, put in or taken out; the places are anywhere from 0 to 1. */
export const anyDamage = fc.array(
  fc.record({
    place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    kind: fc.constantFrom('change', 'change', 'insert', 'remove', 'cut'),
    byte: fc.integer({ min: 0, max: 255 }),
  }),
  { minLength: 1, maxLength: 4 },
);

/** A damaged copy. */
export function damaged(
  bytes: Uint8Array,
  damage: typeof anyDamage extends fc.Arbitrary<infer T> ? T : never,
): Buffer {
  let result = Buffer.from(bytes);
  for (const { place, kind, byte } of damage) {
    const at = Math.floor(place * result.length);
    const [before, after] = [result.subarray(0, at), result.subarray(kind === 'insert' ? at : at + 1)];
    const between = kind === 'change' || kind === 'insert' ? [Buffer.of(byte)] : [];
    result = Buffer.concat(kind === 'cut' ? [before] : [before, ...between, after]);
  }
  return result;
}

/** Sizes for `inPieces`: whole, byte by byte, or anything. */
export const anySizes: fc.Arbitrary<number[]> = fc.oneof(
  fc.constant<number[]>([]),
  fc.constant<number[]>([1]),
  fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
);

function commandsOf(files: Files, step: Step): Command[] {
  const names = [...files.keys()];
  const file = names[step.file % names.length] ?? 'new.ndb';
  const open: Command = { kind: 'open', file };
  const close: Command = { kind: 'close' };
  const added = step.added.map((text): Command => ({ kind: 'add', text }));
  switch (step.kind) {
    case 'edit': {
      const lines = linesOf(files.get(file));
      if (lines.length === 0 || !endsWithNewline(files.get(file))) return [];
      const edits = step.lines.map(({ line, prefix, text }): Edit => {
        const at = refOf(lines, line % lines.length, prefix);
        return text === null ? { kind: 'del', ...at } : { kind: 'xchg', ...at, text };
      });
      return [open, ...mixed(edits, added), close];
    }
    case 'append':
      return [{ kind: 'open', file: NAMES[step.file % NAMES.length] ?? file }, ...added, close];
    case 'move': {
      const to = names[step.other % names.length] ?? file;
      const lines = linesOf(files.get(file));
      if (to === file || lines.length < 2) return [];
      const first = step.other % (lines.length - 1);
      const last = first + 1 + (step.file % (lines.length - 1 - first));
      return [{ kind: 'move', from: file, to, first: refOf(lines, first, 3), last: refOf(lines, last, 2) }];
    }
    case 'unlink':
      return names.length < 2 ? [] : [{ kind: 'unlink', file }];
    default:
      return [open, close];
  }
}

/** A line, with at most `length` of its first characters, up to a space. */
function refOf(lines: readonly Buffer[], index: number, length: number): LineRef {
  const line = lines[index] ?? Buffer.alloc(0);
  const space = line.indexOf(' ');
  const word = space === -1 ? line : line.subarray(0, space);
  return { line: index + 1, prefix: word.subarray(0, length % (word.length + 1)) };
}

/** ADD may stand between the edits. */
function mixed(edits: readonly Command[], added: readonly Command[]): Command[] {
  return edits.flatMap((edit, at) => [edit, ...added.slice(at, at + 1)]).concat(added.slice(edits.length));
}

function linesOf(file: Buffer | undefined): Buffer[] {
  const lines = file?.toString('latin1').match(/[^\n]*\n|[^\n]+$/g) ?? [];
  return lines.map((line) => Buffer.from(line.replace(/\n$/, ''), 'latin1'));
}

function endsWithNewline(file: Buffer | undefined): boolean {
  return file?.at(-1) === 0x0a;
}
