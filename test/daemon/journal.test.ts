import { expect, test } from 'vitest';
import { type DaemonEvent, told } from '../../scripts/daemon/journal.ts';
import { ended } from './support.ts';

const NEXT = { cycle: 3, next: '2026-06-01T13:07:21.000Z' };

test.each<[string, DaemonEvent, string]>([
  [
    'a cycle without news is one line of routine',
    { event: 'cycle-end', ...NEXT, ...ended('unchanged') },
    'routine: cycle 3: unchanged: test 6, 522 bytes from upstream in 1.5 s; next 2026-06-01 13:07 UTC',
  ],
  [
    'a new version is news',
    {
      event: 'cycle-end',
      ...NEXT,
      ...ended('published', { databases: { test: { outcome: 'published', from: null, to: 6 } } }),
    },
    'news: cycle 3: published: test none → 6, 522 bytes from upstream in 1.5 s; next 2026-06-01 13:07 UTC',
  ],
  [
    'what was refused comes with its reason and code',
    {
      event: 'cycle-end',
      ...NEXT,
      ...ended('refused', {
        databases: {
          test: { outcome: 'refused', from: 5, to: 5, code: 'proof/failed', reason: 'clamd died' },
        },
      }),
    },
    'error: cycle 3: refused: test refused (proof/failed): clamd died, 522 bytes from upstream in 1.5 s; next 2026-06-01 13:07 UTC',
  ],
  [
    'what ended the whole cycle comes first',
    {
      event: 'cycle-end',
      ...NEXT,
      ...ended('failed', { databases: {}, error: { code: 'engine/missing', message: 'there is no ClamAV' } }),
    },
    'warning: cycle 3: failed: there is no ClamAV (engine/missing), 522 bytes from upstream in 1.5 s; next 2026-06-01 13:07 UTC',
  ],
  [
    'a cycle that died is an error, with the signal',
    { event: 'cycle-end', ...NEXT, outcome: 'died', exitCode: null, signal: 'SIGKILL', report: undefined },
    'error: cycle 3: died: it ended by SIGKILL, without a report; what is published is as it was; next 2026-06-01 13:07 UTC',
  ],
  [
    'a cycle that we broke off is no error',
    { event: 'cycle-end', ...NEXT, outcome: 'stopped', exitCode: 143, signal: null, report: undefined },
    'routine: cycle 3 was broken off',
  ],
  [
    'a bucket is served by nobody here, and the first line says so',
    { event: 'start', store: 's3://ours/clamav', url: null, admin: null, socket: '/run/socket' },
    'news: keeping s3://ours/clamav, which is a bucket: nothing is served from here; cycles on request at /run/socket',
  ],
])('%s', (_, event, expected) => {
  const { weight, text } = told(event);
  expect(`${weight}: ${text}`).toBe(expected);
});
