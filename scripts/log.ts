/** What a cycle tells people while it runs; machines read its report instead. */
export interface Log {
  info(line: string): void;
  warn(line: string): void;
  /** Says what is going on now, perhaps with how far it is; the next line of any kind replaces it. */
  progress(line: string): void;
  /** What follows is another part of the run; for those who show parts apart. */
  part?(name: string): void;
}

/** A log for a stream: on a terminal progress is one line that rewrites itself, elsewhere every line is plain. */
export function streamLog(stream: NodeJS.WriteStream): Log {
  const terminal = stream.isTTY === true;
  let open = false;
  const line = (text: string) => {
    if (open) stream.write('\r\x1b[K');
    open = false;
    stream.write(`${printable(text)}\n`);
  };
  return {
    info: line,
    warn: (text) => line(`warning: ${text}`),
    progress(text) {
      if (!terminal) return;
      stream.write(`\r\x1b[K${printable(text).slice(0, (stream.columns || 80) - 1)}`);
      open = true;
    },
  };
}

export const SILENT: Log = { info() {}, warn() {}, progress() {} };

/** `74.4 MB` */
export function bytes(count: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB'];
  let power = 0;
  while (power < units.length - 1 && Number((count / 1000 ** power).toFixed(1)) >= 1000) power++;
  return power === 0 ? `${count} bytes` : `${(count / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** Upstream's words may hold anything; a terminal must not obey them. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  return text.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, '?');
}
