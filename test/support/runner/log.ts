/** What a run shows beside its log. */
export interface Annotation {
  readonly level: 'error' | 'warning' | 'notice';
  readonly message: string;
  /** `title`, `file`, `line`, `endLine`, `col`, `endColumn`, as given. */
  readonly properties: Readonly<Record<string, string>>;
  /** The step's name. */
  readonly step: string;
}

/** GitHub keeps this many of each level from one step. */
const ANNOTATIONS = 10;
const MESSAGE_LIMIT = 4096;

/** The log of one job, with what is secret masked from the moment it is known. */
export class JobLog {
  readonly lines: string[] = [];
  readonly annotations: Annotation[] = [];
  readonly #masks = new Set<string>();
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  write(text: string): void {
    for (const line of this.masked(text).split('\n')) {
      this.lines.push(line);
      this.#onLine(line);
    }
  }

  /** A value, each of its lines, and the forms in which it may show up. */
  mask(secret: string): void {
    const values = [secret, ...secret.split(/\r?\n/)].filter((value) => value.trim() !== '');
    for (const value of values) {
      this.#masks.add(value);
      this.#masks.add(JSON.stringify(value).slice(1, -1));
      this.#masks.add(encodeURIComponent(value));
      for (const shift of [0, 1, 2]) {
        // In Base64 of a longer text, these characters depend on the value alone.
        const base64 = Buffer.from(value).subarray(shift).toString('base64').replace(/=+$/, '');
        const safe = base64.slice(0, base64.length - (base64.length % 4 === 0 ? 0 : 1));
        if (safe.length > 5) this.#masks.add(safe);
      }
    }
  }

  masked(text: string): string {
    let result = text;
    for (const mask of [...this.#masks].sort((a, b) => b.length - a.length)) {
      result = result.replaceAll(mask, '***');
    }
    return result;
  }

  issue(annotation: Annotation): void {
    const message = this.masked(annotation.message).slice(0, MESSAGE_LIMIT);
    this.write(`##[${annotation.level}]${message}`);
    const same = this.annotations.filter(
      ({ level, step }) => level === annotation.level && step === annotation.step,
    );
    if (same.length < ANNOTATIONS) this.annotations.push({ ...annotation, message });
  }
}

/** What a step can tell the runner by a line or a file. */
export interface Told {
  output(name: string, value: string): void;
  state(name: string, value: string): void;
  /** It asked for something that is not allowed: the step fails. */
  refuse(message: string): void;
}

const COMMANDS = [
  'add-mask',
  'add-matcher',
  'remove-matcher',
  'debug',
  'notice',
  'warning',
  'error',
  'echo',
  'group',
  'endgroup',
  'set-output',
  'save-state',
  'set-env',
  'add-path',
  'stop-commands',
];

/** Reads the lines of a step: commands are carried out, the rest goes to the log. */
export function lineReader(
  log: JobLog,
  { step, debug, told }: { step: string; debug: boolean; told: Told },
): (line: string) => void {
  let stopped: string | undefined;
  return (line) => {
    const match = /^\s*::([^\s:]+)(?: ([^:]*(?::(?!:)[^:]*)*))?::(.*)$/s.exec(line);
    const [, name = '', rawProperties = '', rawData = ''] = match ?? [];
    if (stopped !== undefined) {
      if (name === stopped) stopped = undefined;
      log.write(line);
      return;
    }
    const command = name.toLowerCase();
    if (match === null || !COMMANDS.includes(command)) {
      log.write(line);
      return;
    }
    const properties = propertiesOf(rawProperties);
    const message = unescaped(rawData);
    switch (command) {
      case 'add-mask':
        return log.mask(message);
      case 'debug':
        if (debug) log.write(`##[debug]${message}`);
        return;
      case 'notice':
      case 'warning':
      case 'error':
        return log.issue({ level: command, message, properties, step });
      case 'group':
        return log.write(`##[group]${message}`);
      case 'endgroup':
        return log.write('##[endgroup]');
      case 'set-output':
        return told.output(properties.name ?? '', message);
      case 'save-state':
        return told.state(properties.name ?? '', message);
      case 'set-env':
      case 'add-path':
        return told.refuse(`The \`${command}\` command is disabled.`);
      case 'stop-commands':
        if (message === '' || COMMANDS.includes(message.toLowerCase())) {
          return told.refuse(`Invalid token for stop-commands: '${message}'`);
        }
        stopped = message;
        log.write(line);
        return;
    }
  };
}

function propertiesOf(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => pair.trim().split(/=(.*)/s));
  const named = pairs.filter(([key = '', value = '']) => key !== '' && value !== '');
  return Object.fromEntries(
    named.map(([key, value = '']) => [key, unescaped(value.replaceAll('%3A', ':').replaceAll('%2C', ','))]),
  );
}

function unescaped(text: string): string {
  return text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
}
