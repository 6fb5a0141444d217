import type { Readable } from 'node:stream';

/** Output of a program: there is none if the machine had no descriptors left for it. */
type Output = Readable | null | undefined;

/** Hands on each line of a stream as it comes. Of a line, no more than `most` characters are kept. */
export function eachLine(stream: Output, most: number, take: (line: string) => void): void {
  let line = '';
  let isCut = false;
  const end = () => {
    take(isCut ? `${line} …` : line);
    line = '';
    isCut = false;
  };
  stream?.on('error', () => {}); // what came before it counts
  stream?.setEncoding('utf8').on('data', (text: string) => {
    const [first = '', ...others] = text.split('\n');
    add(first);
    for (const other of others) {
      end();
      add(other);
    }
  });
  stream?.on('end', () => {
    if (line !== '') end();
  });
  const add = (text: string) => {
    isCut ||= line.length + text.length > most;
    line += text.slice(0, most - line.length);
  };
}

/** Keeps what comes, up to a number of bytes. Of more it keeps nothing. Returns what has come so far. */
export function kept(stream: Output, most: number): () => string | undefined {
  let chunks: Buffer[] | undefined = [];
  let size = 0;
  stream?.on('error', () => {});
  stream?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > most) chunks = undefined;
    else chunks?.push(chunk);
  });
  return () => chunks && Buffer.concat(chunks).toString('utf8');
}
