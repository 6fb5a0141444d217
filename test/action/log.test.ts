import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { actionsLog } from '../../scripts/action/actions-log.ts';

let written = '';

beforeEach(() => {
  written = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += text;
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
});

test('each step of a run is a group, and a warning is an annotation', () => {
  const log = actionsLog();
  log.step?.('survey');
  log.info('daily: 28001');
  log.step?.('prove');
  log.warn('50 % done');
  log.end();
  log.end();
  expect(written).toBe(
    '::group::survey\ndaily: 28001\n::endgroup::\n::group::prove\n::warning::50 %25 done\n::endgroup::\n',
  );
});

test.each([
  '::error::forged',
  '  ::set-output name=outcome::published',
  'text ##[error]forged',
  'one\n::add-mask::a',
  '\u2028::stop-commands::x',
])('nobody else’s words become a command: %j', (line) => {
  actionsLog().info(line);
  for (const one of written.split(/\r?\n/)) {
    expect(one.trimStart().startsWith('::')).toBe(false);
    expect(one).not.toContain('##[');
  }
});

test('a warning cannot be ended early', () => {
  actionsLog().warn('one\n::error::two');
  expect(written.trim().split('\n')).toHaveLength(1);
});

test('progress is told to those who debug, and not more often than every five seconds', () => {
  let time = 0;
  const log = actionsLog(() => time);
  for (time = 0; time < 10_000; time += 100) log.progress(`${time} ms`);
  expect(written).toBe('::debug::0 ms\n::debug::5000 ms\n');
});

test('the last lines are kept for whoever reads of a failure elsewhere', () => {
  const log = actionsLog();
  for (let count = 0; count < 100; count++) log.info(`line ${count}`);
  log.warn('the last');
  expect(log.tail).toHaveLength(30);
  expect(log.tail.at(-1)).toBe('warning: the last');
});
