import { LOG_FORMAT_LINES, LOG_LINE_CHARACTERS, STATS_QUOTED } from '../../base/limits/requests.ts';
import { StatsError } from '../error.ts';
import type { StatsSettings } from '../settings.ts';
import type { Tally } from '../tally/tally.ts';
import { emptyAccess, type Fault, owned, type ParseLine } from './access.ts';
import { FORMATS, type FormatName, type FoundFormat, formatOf } from './formats/formats.ts';
import { linesOf, STDIN } from './lines.ts';

/** What one log held. */
export interface ReadLog {
  readonly log: string;
  /** `null`: it had no line. */
  format: FormatName | FoundFormat | null;
  lines: number;
  requests: number;
  /** Requests before the time from which they count. */
  before: number;
  /** Lines that are no request of a client: comments, events, the mirror's own. */
  other: number;
  /** Requests that the log only counts. */
  notLogged: number;
  broken: number;
  /** Error code of what ended it early. */
  problem?: string;
}

/** A line that could not be read. */
export interface BrokenLine {
  readonly log: string;
  readonly line: number;
  readonly fault: Fault;
  readonly text: string;
}

export interface ReadLogs {
  readonly logs: readonly ReadLog[];
  readonly faults: ReadonlyMap<Fault, number>;
  /** The first broken lines. */
  readonly broken: readonly BrokenLine[];
}

type Source = Pick<StatsSettings, 'files' | 'format' | 'since'> & {
  readonly stdin: () => AsyncIterable<Buffer>;
};

/**
 * Reads all logs into `tally`, the earliest first, whatever the order of their names: `access.log.1` is older than
 * `access.log`. A compressed log that is damaged counts as far as it goes. Throws `stats/format`, and like `openRegular`
 * before anything is counted.
 */
export async function readLogs(source: Source, tally: Tally): Promise<ReadLogs> {
  const faults = new Map<Fault, number>();
  const broken: BrokenLine[] = [];
  const logs: ReadLog[] = [];
  for (const path of await inOrder(source)) {
    const log = emptyLog(path);
    logs.push(log);
    const reader = new Reader(log, tally, source, (fault, text) => {
      faults.set(fault, (faults.get(fault) ?? 0) + 1);
      if (broken.length < STATS_QUOTED.lines)
        broken.push({ log: path, line: log.lines, fault, text: quoted(text) });
    });
    await readOne(path, source, reader).catch((error) => {
      if (!(error instanceof StatsError) || error.code !== 'stats/damaged') throw error;
      log.problem = error.code;
    });
  }
  return { logs, faults, broken };
}

async function readOne(path: string, { stdin }: Source, reader: Reader): Promise<void> {
  let start: string[] = [];
  try {
    for await (const lines of linesOf(path, stdin)) {
      if (reader.isReady) reader.read(lines);
      else {
        start = start.concat(lines);
        if (start.length >= LOG_FORMAT_LINES) reader.read(reader.open(start));
      }
    }
  } finally {
    if (!reader.isReady && start.length > 0) reader.read(reader.open(start));
  }
}

/** Reads the lines of one log. */
class Reader {
  readonly #access = emptyAccess();
  readonly #log: ReadLog;
  readonly #tally: Tally;
  readonly #source: Source;
  readonly #onFault: (fault: Fault, line: string) => void;
  #parse: ParseLine | undefined;

  constructor(log: ReadLog, tally: Tally, source: Source, onFault: (fault: Fault, line: string) => void) {
    this.#log = log;
    this.#tally = tally;
    this.#source = source;
    this.#onFault = onFault;
  }

  get isReady(): boolean {
    return this.#parse !== undefined;
  }

  /** Finds the format by the first lines, and returns them. */
  open(lines: string[]): string[] {
    const { name, parse } = parserFor(this.#log.log, lines, this.#source.format);
    this.#log.format = name;
    this.#parse = parse;
    return lines;
  }

  read(lines: readonly string[]): void {
    const parse = this.#parse;
    if (parse === undefined) return;
    const [log, access] = [this.#log, this.#access];
    const since = this.#source.since ?? 0;
    for (const line of lines) {
      log.lines++;
      const outcome =
        line === '' ? 'other' : line.length > LOG_LINE_CHARACTERS ? 'line' : parse(line, access);
      if (outcome === 'request') {
        if (access.seconds < since) log.before++;
        else {
          log.requests++;
          this.#tally.add(access);
        }
      } else if (outcome === 'other') log.other++;
      else if (outcome === 'gap') log.notLogged += access.notLogged;
      else {
        log.broken++;
        this.#onFault(outcome, line);
      }
    }
  }
}

function parserFor(path: string, lines: readonly string[], wanted: StatsSettings['format']) {
  const first = lines.slice(0, LOG_FORMAT_LINES).filter((line) => line.length <= LOG_LINE_CHARACTERS);
  const name = wanted === 'auto' ? formatOf(first) : wanted;
  if (name === undefined) {
    throw new StatsError(
      'stats/format',
      `${path === STDIN ? 'what comes on stdin' : path} has no format that is known`,
      {
        advice: `It is read as one of these, if --format names it: ${Object.keys(FORMATS).join(', ')}`,
      },
    );
  }
  return { name, parse: FORMATS[name === 'common' ? 'nginx' : name]() };
}

/** The logs by the time of their first request. What has none, and stdin, comes last. */
async function inOrder(source: Source): Promise<string[]> {
  const found: { readonly path: string; readonly first: number }[] = [];
  for (const path of new Set(source.files)) found.push({ path, first: await firstTime(path, source) }); // one open at a time
  return found.sort((one, other) => one.first - other.first).map(({ path }) => path);
}

async function firstTime(path: string, { format, stdin }: Source): Promise<number> {
  if (path === STDIN) return Number.MAX_VALUE;
  let start: string[] = [];
  try {
    for await (const lines of linesOf(path, stdin)) {
      start = start.concat(lines.slice(0, LOG_FORMAT_LINES));
      if (start.length >= LOG_FORMAT_LINES) break;
    }
  } catch (error) {
    if (!(error instanceof StatsError)) throw error; // it is told when it is read
  }
  if (start.length === 0) return Number.MAX_VALUE;
  const { parse } = parserFor(path, start, format);
  const access = emptyAccess();
  return start.some((line) => parse(line, access) === 'request') ? access.seconds : Number.MAX_VALUE;
}

/** The start of a line as its writer meant it: UTF-8, one character for each byte so far. */
function quoted(line: string): string {
  const text = owned(line.slice(0, STATS_QUOTED.characters));
  return line.length > STATS_QUOTED.characters ? `${text}…` : text;
}

function emptyLog(log: string): ReadLog {
  return { log, format: null, lines: 0, requests: 0, before: 0, other: 0, notLogged: 0, broken: 0 };
}
