import { describe, expect, test } from 'vitest';
import {
  bytes,
  endProgress,
  type Log,
  printJson,
  runLog,
  SILENT,
  streamLog,
  type Voice,
} from '../../scripts/base/log.ts';

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

test('what another stream writes takes the place of progress too: a terminal shows both', () => {
  let text = '';
  const write = (part: string) => {
    text += part;
    return true;
  };
  streamLog({ isTTY: true, columns: 80, write } as NodeJS.WriteStream).progress('at 10 %');
  printJson({ write } as NodeJS.WriteStream, {});
  expect(text).toBe(`${CLEAR}at 10 %${CLEAR}{}\n`);
});

test('progress that is the last line stays, and the prompt of a shell comes below it', () => {
  const say = (log: Log) => {
    log.progress('published');
    endProgress();
    endProgress();
  };
  expect(written({ isTTY: true }, say)).toBe(`${CLEAR}published\n`);
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

describe('the log of a run', () => {
  const NOW = () => new Date('2026-06-01T12:00:05.678Z');
  const run = (voice: Voice, { isTTY = false, isStamped = false } = {}) => {
    let text = '';
    const write = (part: string) => {
      text += part;
      return true;
    };
    const log = runLog({ isTTY, columns: 80, write } as NodeJS.WriteStream, { voice, isStamped }, NOW);
    log.info('a detail');
    log.progress('at 10 %');
    log.warn('a doubt');
    log.say('a result');
    log.error('no room', 'file/full');
    return text;
  };
  const AT = '2026-06-01T12:00:05Z ';

  test('has results, doubts and errors, each with its time where no terminal is', () => {
    expect(run('normal')).toBe(`${AT}warning: a doubt\n${AT}a result\n${AT}error (file/full): no room\n`);
  });

  test('has no time of its own where the reader puts one to each line', () => {
    expect(run('normal', { isStamped: true })).toBe(
      'warning: a doubt\na result\nerror (file/full): no room\n',
    );
  });

  test('has details as well if they are wanted, with times on a terminal too', () => {
    expect(run('verbose')).toContain(`${AT}a detail\n`);
    expect(run('verbose', { isTTY: true })).toContain(`${AT}a detail\n`);
  });

  test('has results and errors alone if it is to be quiet', () => {
    expect(run('quiet')).toBe(`${AT}a result\n${AT}error (file/full): no room\n`);
    expect(run('quiet', { isTTY: true })).toBe('a result\nerror (file/full): no room\n');
  });

  test('shows details as progress on a terminal', () => {
    expect(run('normal', { isTTY: true })).toBe(
      `${CLEAR}a detail${CLEAR}at 10 %${CLEAR}warning: a doubt\na result\nerror (file/full): no room\n`,
    );
  });
});

test('a time that a machine wrote down is told as people read it', () => {
  const text = written({}, (log) => log.info('refused since 2026-06-01T12:00:05.678Z: bad'));
  expect(text).toBe('refused since 2026-06-01 12:00 UTC: bad\n');
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
  [1, '1 byte'],
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
