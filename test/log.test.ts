import { describe, expect, test } from 'vitest';
import { bytes, type Log, SILENT, streamLog } from '../scripts/log.ts';

/** What a stream is written while somebody logs. */
function written(stream: { isTTY?: boolean; columns?: number }, say: (log: Log) => void): string {
  let text = '';
  const write = (part: string) => {
    text += part;
    return true;
  };
  say(streamLog({ ...stream, write } as NodeJS.WriteStream));
  return text;
}

const story = (log: Log) => {
  log.info('one');
  log.progress('at 10 %');
  log.progress('at 20 %');
  log.warn('two');
  log.info('three');
};
const CLEAR = '\r\x1b[K';

test('a file gets plain lines, and no progress', () => {
  expect(written({}, story)).toBe('one\nwarning: two\nthree\n');
});

test('on a terminal progress is one line that rewrites itself, and the next line takes its place', () => {
  const expected = `one\n${CLEAR}at 10 %${CLEAR}at 20 %${CLEAR}warning: two\nthree\n`;
  expect(written({ isTTY: true, columns: 80 }, story)).toBe(expected);
});

test.each([
  [20, 19],
  [undefined, 79],
  [0, 79],
])('progress fits on one line of a terminal of %s columns', (columns, length) => {
  const stream = { isTTY: true, ...(columns === undefined ? {} : { columns }) };
  const text = written(stream, (log) => log.progress('x'.repeat(200)));
  expect(text).toBe(CLEAR + 'x'.repeat(length));
});

describe('words from outside cannot command a terminal', () => {
  const hostile: Record<string, [string, string]> = {
    'escape sequences': ['\x1b[2Jgone\x1b]0;title\x07', '?[2Jgone?]0;title?'],
    'ends of lines': ['one\nwarning: not ours\r\n', 'one?warning: not ours??'],
    'C1 control characters': ['\x9b2J\x85', '?2J?'],
    'NUL, backspace and delete': ['a\0\b\x7f', 'a???'],
  };
  test.each(Object.entries(hostile))('%s', (_, [text, shown]) => {
    for (const isTTY of [true, false]) {
      expect(written({ isTTY }, (log) => log.info(text))).toBe(`${shown}\n`);
      expect(written({ isTTY }, (log) => log.warn(text))).toBe(`warning: ${shown}\n`);
    }
    expect(written({ isTTY: true }, (log) => log.progress(text))).toBe(CLEAR + shown);
  });

  test('but tabs and letters of all languages stay', () => {
    expect(written({}, (log) => log.info('a\tÄ 漢字'))).toBe('a\tÄ 漢字\n');
  });
});

test('a silent log says nothing', () => {
  expect(() => story(SILENT)).not.toThrow();
});

test.each([
  [0, '0 bytes'],
  [522, '522 bytes'],
  [999, '999 bytes'],
  [1000, '1.0 KB'],
  [80_000, '80.0 KB'],
  [999_949, '999.9 KB'],
  [999_950, '1.0 MB'],
  [74_350_000, '74.3 MB'],
  [1_000_000_000, '1.0 GB'],
  [5_000_000_000_000, '5000.0 GB'],
])('%s bytes are "%s"', (count, text) => {
  expect(bytes(count)).toBe(text);
});
