import { styleText } from 'node:util';
import { logLine, printableJson } from './printable.ts';
import { stamp, withMoments } from './words.ts';

export { bytes } from './words.ts';

/** Messages of a cycle to people while it runs. Machines read its report. */
export interface Log {
  info(line: string): void;
  warn(line: string): void;
  /** Shows what is going on and how far it is. The next line of any kind replaces it. */
  progress(line: string): void;
  /** Begins a step of the run, for a log that groups its lines by step. */
  step?(name: string): void;
}

/** A line to print. A mark comes first, in colour on a terminal. */
export type Line = string | { readonly mark: string; readonly colour: Colour; readonly text: string };
type Colour = 'green' | 'yellow' | 'red';

/** Prints lines. Words from outside can neither command a terminal or a runner nor begin a line of their own. */
export function print(stream: NodeJS.WriteStream, lines: readonly Line[]): void {
  const rows = lines.map((line) => {
    if (typeof line === 'string') return `${logLine(withMoments(line))}\n`;
    const { mark, colour, text } = line;
    return `${styleText(colour, logLine(mark), { stream })}${logLine(withMoments(text))}\n`;
  });
  if (rows.length > 0) write(stream, rows.join(''));
}

/** The terminal whose last line shows progress: the next line of any kind replaces it. */
let unfinished: NodeJS.WriteStream | undefined;

function write(stream: NodeJS.WriteStream, text: string): void {
  unfinished?.write('\r\x1b[K');
  unfinished = undefined;
  stream.write(text);
}

/** Ends a line that shows progress, so that the prompt of a shell begins a line of its own. */
export function endProgress(): void {
  unfinished?.write('\n');
  unfinished = undefined;
}

/** Prints lines for machines, and records of what others said: times in them keep their form. */
export function printRows(stream: NodeJS.WriteStream, rows: readonly string[]): void {
  if (rows.length > 0) write(stream, rows.map((row) => `${logLine(row)}\n`).join(''));
}

/** Prints one JSON value, by default for people to read too. */
export function printJson(stream: NodeJS.WriteStream, value: unknown, indentation = 2): void {
  write(stream, `${printableJson(value, indentation)}\n`);
}

/** A log that also says why a command failed. */
export interface StreamLog extends Log {
  /** Prints the error that ended a command, with its code. */
  error(line: string, code: string): void;
}

/** A log for a stream: on a terminal progress is one line that rewrites itself, elsewhere every line is plain. */
export function streamLog(stream: NodeJS.WriteStream, now?: () => Date): StreamLog {
  const terminal = stream.isTTY === true;
  const line = (text: string) => print(stream, [now === undefined ? text : `${stamp(now())} ${text}`]);
  return {
    info: line,
    warn: (text) => line(`warning: ${text}`),
    error: (text, code) => line(`error (${code}): ${text}`),
    progress(text) {
      if (!terminal) return;
      stream.write(`\r\x1b[K${logLine(text).slice(0, (stream.columns || 80) - 1)}`);
      unfinished = stream;
    },
  };
}

/** Amount of output of a run: results and errors only, warnings too, or every detail. */
export type Voice = 'quiet' | 'normal' | 'verbose';

/** The log of a run: results as well as details. */
export interface RunLog extends StreamLog {
  readonly voice: Voice;
  /** Prints a result, whatever the voice is. */
  say(line: string): void;
}

/**
 * Makes the log of a run. Details (`info`) are printed with the voice `verbose`; with `normal` they are progress,
 * which only a terminal shows. Each line begins with its time if the voice is `verbose` or the stream is not a
 * terminal: such a log is read later. `isStamped`: the reader of the stream adds times itself, as GitHub does.
 */
export function runLog(
  stream: NodeJS.WriteStream,
  { voice, isStamped = false }: { readonly voice: Voice; readonly isStamped?: boolean },
  now: () => Date = () => new Date(),
): RunLog {
  const isTimed = !isStamped && (voice === 'verbose' || stream.isTTY !== true);
  const log = streamLog(stream, isTimed ? now : undefined);
  const nothing = () => {};
  return {
    voice,
    say: log.info,
    error: log.error,
    warn: voice === 'quiet' ? nothing : log.warn,
    info: voice === 'verbose' ? log.info : voice === 'quiet' ? nothing : log.progress,
    progress: voice === 'quiet' ? nothing : log.progress,
  };
}

export const SILENT: Log = { info() {}, warn() {}, progress() {} };

/**
 * Keeps this process running when the reader of its output is gone, without a message. If results cannot be written
 * for another reason, such as a full disk, one warning goes to stderr. The exit code stays the same in both cases: it
 * is about what was done. Each later write is tried again.
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
