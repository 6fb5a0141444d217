import type { Command, LineRef } from '../../../scripts/cvd/cdiff/command.ts';

/** The files of a database, by name. */
export type Files = ReadonlyMap<string, Buffer>;

/**
 * What a script does, written from clamav-formats.md §3 as plainly as can be: the reference that `Patch` is
 * compared with. Whole files as strings, all in memory. Throws `Error` where ClamAV fails.
 */
export function applyNaively(files: Files, commands: Iterable<Command>): Files {
  const result = new Map(files);
  const read = (name: string) => {
    const file = result.get(name);
    if (file === undefined) throw new Error(`no ${name}`);
    return file.toString('latin1');
  };
  const write = (name: string, text: string) => result.set(name, Buffer.from(text, 'latin1'));
  let edits = new Map<number, { prefix: string; text: string | undefined }>();
  let added = '';
  let open = '';
  for (const command of commands) {
    if (command.kind === 'open') {
      [open, edits, added] = [command.file, new Map(), ''];
    } else if (command.kind === 'add') {
      if (command.text !== undefined) added += `${latin1(command.text)}\n`;
    } else if (command.kind === 'del' || command.kind === 'xchg') {
      const text = command.kind === 'xchg' ? latin1(command.text) : undefined;
      edits.set(command.line, { prefix: latin1(command.prefix), text });
    } else if (command.kind === 'close') {
      if (edits.size > 0) write(open, edited(read(open), edits));
      if (added !== '') write(open, (result.has(open) ? read(open) : '') + added);
    } else if (command.kind === 'unlink') {
      read(command.file);
      result.delete(command.file);
    } else {
      const lines = read(command.from).match(/[^\n]*\n|[^\n]+$/g) ?? [];
      const [first, last] = [command.first, command.last].map((at) => checked(lines, at));
      if (first === undefined || last === undefined || first >= last) throw new Error('no such lines');
      const moved = lines.splice(first, last - first + 1);
      write(command.to, read(command.to) + moved.join(''));
      write(command.from, lines.join(''));
    }
  }
  return result;
}

function edited(
  file: string,
  edits: ReadonlyMap<number, { prefix: string; text: string | undefined }>,
): string {
  if (!file.endsWith('\n')) throw new Error('no final newline');
  const lines: (string | undefined)[] = file.slice(0, -1).split('\n');
  for (const [line, { prefix, text }] of edits) {
    if (lines[line - 1]?.startsWith(prefix) !== true) throw new Error(`line ${line} is another`);
    lines[line - 1] = text;
  }
  return lines.map((line) => (line === undefined ? '' : `${line}\n`)).join('');
}

/** The index of the line. */
function checked(lines: readonly string[], { line, prefix }: LineRef): number {
  if (lines[line - 1]?.startsWith(latin1(prefix)) !== true) throw new Error(`line ${line} is another`);
  return line - 1;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
