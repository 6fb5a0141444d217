import { styleText } from 'node:util';
import { logLine, printableJson } from './printable.ts';

/** What a cycle tells people while it runs; machines read its report instead. */
export interface Log {
  info(line: string): void;
  warn(line: string): void;
  /** Says what is going on now, perhaps with how far it is; the next line of any kind replaces it. */
  progress(line: string): void;
  /** What follows is another part of the run; for those who show parts apart. */
  part?(name: string): void;
}

/** A line to print; one with a mark begins with that, in colour on a terminal. */
export type Line = string | { readonly mark: string; readonly colour: Colour; readonly text: string };
type Colour = 'green' | 'yellow' | 'red';

/** Prints lines. Words from outside command neither a terminal nor a runner, and make no line of their own. */
export function print(stream: NodeJS.WriteStream, lines: readonly Line[]): void {
  const rows = lines.map((line) => {
    if (typeof line === 'string') return `${logLine(line)}\n`;
    const { mark, colour, text } = line;
    return `${styleText(colour, logLine(mark), { stream })}${logLine(text)}\n`;
  });
  if (rows.length > 0) stream.write(rows.join(''));
}

/** Prints one JSON value, by default for people to read too. */
export function printJson(stream: NodeJS.WriteStream, value: unknown, indentation = 2): void {
  stream.write(`${printableJson(value, indentation)}\n`);
}

/** A log for a stream: on a terminal progress is one line that rewrites itself, elsewhere every line is plain. */
export function streamLog(stream: NodeJS.WriteStream): Log {
  const terminal = stream.isTTY === true;
  let open = false;
  const line = (text: string) => {
    if (open) stream.write('\r\x1b[K');
    open = false;
    print(stream, [text]);
  };
  return {
    info: line,
    warn: (text) => line(`warning: ${text}`),
    progress(text) {
      if (!terminal) return;
      stream.write(`\r\x1b[K${logLine(text).slice(0, (stream.columns || 80) - 1)}`);
      open = true;
    },
  };
}

export const SILENT: Log = { info() {}, warn() {}, progress() {} };

/**
 * Lets this process outlive whoever reads what it prints. A reader that has gone is no fault, and nothing is said of it.
 * Of results that could not be written for another reason, such as a full disk, stderr tells once. In neither case does
 * the exit code change: it is about what was done. Each later write is tried again.
 */
export function outliveReaders({
  stdout,
  stderr,
}: Pick<NodeJS.Process, 'stdout' | 'stderr'> = process): void {
  let isTold = false;
  stderr.on('error', () => {});
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || isTold) return;
    isTold = true;
    print(stderr, [`warning: not all of the output could be written: ${error.message}`]);
  });
}

/** `74.4 MB` */
export function bytes(count: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB'];
  let power = 0;
  while (power < units.length - 1 && Number((count / 1000 ** power).toFixed(1)) >= 1000) power++;
  return power === 0 ? `${count} bytes` : `${(count / 1000 ** power).toFixed(1)} ${units[power]}`;
}
