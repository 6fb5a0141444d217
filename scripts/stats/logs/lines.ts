import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { LOG_LINE_CHARACTERS } from '../../base/limits/requests.ts';
import { chunksOfSync } from '../../files/open.ts';
import { StatsError } from '../error.ts';

/** Bytes that become text at a time: larger texts fill memory faster than it is swept. */
const PIECE = 64 * 1024;

/** Stands for a log that comes on stdin. */
export const STDIN = '-';

/** Bytes that are unpacked at a time. */
const UNPACKED = 256 * 1024;

/**
 * Lines of a log, piece by piece, with one character for each byte. A line is cut just beyond its limit, and what is
 * unpacked is never kept, so memory stays the same whatever a log holds. Throws `stats/damaged`, and like `openRegular`.
 */
export async function* linesOf(path: string, stdin: () => AsyncIterable<Buffer>): AsyncGenerator<string[]> {
  const splitter = new Splitter();
  const bytes = path === STDIN ? stdin() : ofFile(path);
  for await (const chunk of unpacked(path, bytes)) {
    for (let at = 0; at < chunk.length; at += PIECE) {
      const lines = splitter.write(chunk.toString('latin1', at, at + PIECE));
      if (lines.length > 0) yield lines;
    }
  }
  const rest = splitter.end();
  if (rest !== undefined) yield [rest];
}

/** Bytes of a file that the user has named. Each piece is valid until the next one, so they fill no memory. */
async function* ofFile(path: string): AsyncGenerator<Buffer> {
  yield* chunksOfSync(path, { follow: true });
}

/** The same bytes, or what is inside gzip. Its first two bytes tell, for a rotated log may have any name. */
async function* unpacked(path: string, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const pieces = bytes[Symbol.asyncIterator]();
  try {
    let start: Buffer = Buffer.alloc(0);
    while (start.length < MAGIC.length) {
      const { value, done } = await pieces.next();
      if (done === true) break;
      start = start.length === 0 ? value : Buffer.concat([start, value]);
    }
    const isPacked = start.subarray(0, MAGIC.length).equals(MAGIC);
    const all = (async function* () {
      yield isPacked ? Buffer.from(start) : start;
      for (let next = await pieces.next(); next.done !== true; next = await pieces.next())
        yield isPacked ? Buffer.from(next.value) : next.value; // whoever unpacks keeps it beyond the next one
    })();
    yield* isPacked ? gunzipped(path, all) : all;
  } finally {
    await pieces.return?.();
  }
}

async function* gunzipped(path: string, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: UNPACKED });
  const source = Readable.from(bytes, { objectMode: false });
  source.on('error', (error) => gunzip.destroy(error)).pipe(gunzip);
  try {
    yield* gunzip;
  } catch (cause) {
    if (!(cause instanceof Error && 'errno' in cause)) throw cause;
    throw new StatsError('stats/damaged', `${path} is damaged, or ends in the middle`, {
      cause,
      advice: 'What came before is counted. If the log is still being written, wait for its end',
    });
  } finally {
    source.destroy();
  }
}

const MAGIC = Buffer.from([0x1f, 0x8b]);

/** Cuts text into lines. */
class Splitter {
  #rest = '';

  write(text: string): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      lines.push(lineOf(this.#rest === '' ? text.slice(from, end) : this.#rest + text.slice(from, end)));
      this.#rest = '';
      from = end + 1;
    }
    const room = LOG_LINE_CHARACTERS + 1 - this.#rest.length; // one more says that it is too long
    if (from < text.length && room > 0) this.#rest += text.slice(from, from + room);
    return lines;
  }

  end(): string | undefined {
    return this.#rest === '' ? undefined : lineOf(this.#rest);
  }
}

function lineOf(text: string): string {
  return text.charCodeAt(text.length - 1) === RETURN ? text.slice(0, -1) : text;
}

const RETURN = 13;
