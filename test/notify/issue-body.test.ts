import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { span } from '../../scripts/base/words.ts';
import { code, fenced, oneLine } from '../../scripts/notify/escape.ts';
import {
  type IssueContent,
  issueBody,
  recoveryComment,
  reopenComment,
  repeatComment,
} from '../../scripts/notify/github/issue-body.ts';
import { firstState, marker, parseMarker } from '../../scripts/notify/github/issue-state.ts';
import { FAILURE_CLASSES } from '../../scripts/notify/run-report.ts';
import { failure, MIRROR, RUN, reportOf } from './support.ts';

const NOW = new Date('2026-03-01T10:00:00Z');
const STATE = firstState('integrity', MIRROR, RUN, NOW);
const EVIL = [
  '```',
  '``````````',
  '`'.repeat(500),
  '~~~',
  '</code></pre></details><img src=x onerror=alert(1)>',
  marker({ ...STATE, class: 'proof' }),
  '-->',
  'hello @octocat and @acme/team',
  'fixes #1, acme/mirror#2, GH-3, https://evil.example/x',
  '| a | b |',
  '\u001b[31mred\u001b[0m \u0007\u202egnp.exe\u2028next',
  'https://user:p@ss@mirror.example/',
  '\ud800',
];

/** What GitHub renders as Markdown: all outside of code, as CommonMark decides what a fence ends. */
function outsideCode(body: string): string {
  const outside: string[] = [];
  let fence: string | undefined;
  for (const line of body.split(/\r\n|\r|\n/)) {
    const [, run = '', rest = ''] = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (fence === undefined && run !== '' && !(run.startsWith('`') && rest.includes('`'))) fence = run;
    else if (fence === undefined) outside.push(line.replaceAll(/`[^`]*`/g, ''));
    else if (run.startsWith(fence) && rest.trim() === '') fence = undefined;
  }
  expect(fence).toBeUndefined();
  return outside.join('\n');
}

function contentOf(words: string): IssueContent {
  const report = reportOf([]);
  const evil = failure('integrity', { code: words, what: words, advice: words, log: words.split('\n') });
  return {
    failure: evil,
    state: STATE,
    run: RUN,
    report: {
      ...report,
      upstream: { [words]: 1 },
      serving: {
        versions: { [words]: 2 },
        checked: NOW.toISOString(),
        published: '2026-13-45T99:99:99Z',
        url: words,
      },
    },
    earlier: undefined,
  };
}

const textsOf = (content: IssueContent) => [
  issueBody(content),
  repeatComment(content),
  reopenComment(content),
];
const HARMLESS = textsOf(contentOf('harmless')).map(outsideCode);

describe('what upstream says', () => {
  test.each(EVIL)('stays within code: %j', (words) => {
    for (const [index, text] of textsOf(contentOf(`${words}\n${words} daily\n\n${words}`)).entries()) {
      expect(outsideCode(text)).toBe(HARMLESS[index]);
      expect(text).not.toMatch(/@|\p{Cf}|\u2028|(?!\n)\p{Cc}/u);
      expect(text.isWellFormed()).toBe(true);
      expect(parseMarker(text)?.class ?? 'integrity').toBe('integrity');
    }
  });

  test('stays within code whatever it is', () => {
    const words = fc.array(
      fc.oneof(
        fc.constantFrom(...EVIL),
        fc.string({ unit: 'binary' }),
        fc.constantFrom('\n', '`', ' ', '\r'),
      ),
    );
    fc.assert(
      fc.property(words, (parts) => {
        for (const [index, text] of textsOf(contentOf(`x${parts.join('')}`)).entries()) {
          expect(outsideCode(text)).toBe(HARMLESS[index]);
          expect(text).not.toContain('@');
        }
      }),
      { numRuns: 100 },
    );
  });

  test.each(['a', '`', '@', '\u0000', '😀', '//@', 'a\n', '\n', '`\n'])(
    'never makes a body too long: %j',
    (unit) => {
      const words = unit.repeat(200_000);
      const content = contentOf(words);
      const versions = Object.fromEntries(
        Array.from({ length: 5_000 }, (_, index) => [`${index}${unit.repeat(300)}`, index]),
      );
      const report = { ...reportOf([]), upstream: versions };
      const log = Array.from({ length: 5_000 }, () => words.slice(0, 5_000));
      expect(
        issueBody({ ...content, failure: { ...content.failure, log }, report }).length,
      ).toBeLessThanOrEqual(65_536);
    },
  );

  test('of a log is kept to its last lines', () => {
    const log = Array.from({ length: 1000 }, (_, index) => `line ${index}`);
    const body = issueBody({ ...contentOf('x'), failure: failure('upstream', { log }) });
    expect(body).toContain('line 999\n');
    expect(body).toContain('line 960\n');
    expect(body).not.toContain('line 959');
  });

  test('loses the passwords of URLs', () => {
    expect(fenced('GET https://user:p@ss@mirror.example/daily.cvd', 100)).toContain(
      'GET https://***＠mirror.example/daily.cvd',
    );
    expect(oneLine('from //token@host/')).toBe('from //***＠host/');
  });

  test('is one line where one is needed', () => {
    expect(code('a`b\n|c')).toBe("`a'b /c`");
    expect(code('')).toBe('`?`');
    expect(oneLine('a\r\n\n b\tc')).toBe('a b c');
  });
});

describe('a body', () => {
  test.each(FAILURE_CLASSES)('of the class %s has a title, a meaning and advice', (failed) => {
    const body = issueBody({
      ...contentOf('x'),
      failure: failure(failed),
      state: { ...STATE, class: failed },
    });
    expect(outsideCode(body)).toMatch(/\*\*\w.+\*\*/);
    expect(outsideCode(body)).toMatch(/### What to do\n\n\w.{50,}/);
    expect(parseMarker(body)?.class).toBe(failed);
  });

  test('advises by the code where that tells more', () => {
    const body = (code: string) =>
      issueBody({ ...contentOf('x'), failure: failure('publication', { code }) });
    expect(body('store/full')).toContain('Free space in it');
    expect(body('constructor')).toContain('Read the log of the run');
  });

  test('says so where it is not known what is served', () => {
    const body = issueBody({ ...contentOf('x'), report: undefined });
    expect(body).toContain('Not known');
    expect(body).not.toContain('| database |');
  });
});

describe('a marker', () => {
  test('is read back', () => {
    expect(parseMarker(`${marker(STATE)}\r\nand more`)).toEqual(STATE);
  });

  test.each([
    '',
    ` ${marker(STATE)}`,
    `\n${marker(STATE)}`,
    marker(STATE).replace('"count":1', '"count":0'),
    marker(STATE).replace('integrity', 'other'),
    marker(STATE).replace('2026', 'then'),
    '<!-- clamav-mirror {} -->',
    '<!-- clamav-mirror {"class": -->',
  ])('is none: %j', (body) => {
    expect(parseMarker(body)).toBeUndefined();
  });
});

test.each([
  ['2026-03-01T10:00:00Z', 'less than a minute'],
  ['2026-03-01T09:00:00Z', 'less than a minute'],
  ['2026-03-01T10:01:59Z', '1 minute'],
  ['2026-03-01T12:05:00Z', '2 hours 5 minutes'],
  ['2026-03-02T10:05:00Z', '1 day'],
  ['2026-03-04T13:05:00Z', '3 days 3 hours'],
  ['nonsense', 'an unknown time'],
])('until %s it lasted %s', (to, words) => {
  expect(span('2026-03-01T10:00:00Z', to)).toBe(words);
});

test('a recovery tells of one run as of one', () => {
  expect(recoveryComment(STATE, RUN, new Date('2026-03-01T11:00:00Z'))).toContain(
    'failing for 1 hour, from 2026-03-01 10:00 UTC, in 1 run.',
  );
});
