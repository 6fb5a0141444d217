import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import {
  HISTORY_BYTES,
  HISTORY_CHANGES,
  HISTORY_CODE_CHARACTERS,
  HISTORY_CYCLES,
  HISTORY_DAYS,
  HISTORY_EVENTS,
  MARK_BYTES,
  NOTICE_BYTES,
} from '../../scripts/base/limits/page.ts';
import { SILENT } from '../../scripts/base/log.ts';
import { openFace } from '../../scripts/page/face.ts';
import { type MirrorEvent, withEvents } from '../../scripts/page/feed/events.ts';
import { historyJson, NO_HISTORY, parseHistory } from '../../scripts/page/history.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { ago, NOW, ninetyDays, production } from '../page/facts.ts';
import { temporaryFolder } from '../store/support.ts';
import { CHANGES_LIMITS } from './changes.ts';
import { elsewhere, ends, type Row } from './rows.ts';

const CYCLE = {
  at: ago(1000),
  outcome: 'unchanged',
  seconds: 1,
  upstreamBytes: 0,
  wholeBytes: 0,
  problems: {},
};
const CHANGE = { at: ago(1000), database: 'daily', from: 1, to: 2, how: 'rebuilt', upstreamBytes: 5 };
const REFUSED = {
  kind: 'refused',
  at: ago(1000),
  database: 'daily',
  version: 2,
  served: 1,
  code: 'proof/failed',
  what: 'no',
} as const;
const kept = (change: object) => parseHistory(JSON.stringify({ ...NO_HISTORY, ...change }), NOW);
/** What is read of a store with these files. */
const faceWith = async (name: string, text: string) => {
  const folder = temporaryFolder();
  await writeFile(join(folder, name), text);
  const store = new FolderStore(folder);
  return await openFace(store, await store.list(), { now: NOW, log: SILENT });
};

export const PAGE_LIMITS: Readonly<Record<string, Row>> = {
  ...CHANGES_LIMITS,
  HISTORY_CYCLES: ends('the newest ones', () => {
    expect(kept({ cycles: Array(HISTORY_CYCLES + 1).fill(CYCLE) }).cycles).toHaveLength(HISTORY_CYCLES);
  }),
  HISTORY_DAYS: ends('the newest ones', () => {
    const days = ninetyDays(production()).days;
    expect(days).toHaveLength(HISTORY_DAYS);
    expect(kept({ days: [days[0], ...days] }).days).toEqual(days);
  }),
  HISTORY_CHANGES: ends('the newest ones', () => {
    expect(kept({ changes: Array(HISTORY_CHANGES + 1).fill(CHANGE) }).changes).toHaveLength(HISTORY_CHANGES);
  }),
  HISTORY_EVENTS: ends('the newest ones', () => {
    const refused = (version: number): MirrorEvent => ({ ...REFUSED, version });
    const events = Array.from({ length: HISTORY_EVENTS + 1 }, (_, version) => refused(version));
    expect(kept({ events }).events).toEqual(events.slice(1));
    expect(withEvents(events, [{ ...REFUSED, code: 'proof/waiting' }])).toHaveLength(HISTORY_EVENTS);
  }),
  HISTORY_BYTES: ends('a mirror without a history', () => {
    const text = historyJson(ninetyDays(production()));
    expect(parseHistory(text, NOW)).not.toEqual(NO_HISTORY);
    expect(parseHistory(text + ' '.repeat(HISTORY_BYTES), NOW)).toEqual(NO_HISTORY);
  }),
  HISTORY_CODE_CHARACTERS: ends('no such cycle', () => {
    expect(kept({ cycles: [{ ...CYCLE, error: 'x'.repeat(HISTORY_CODE_CHARACTERS + 1) }] }).cycles).toEqual(
      [],
    );
  }),
  NOTICE_BYTES: ends('no notice', async () => {
    expect((await faceWith('local_notice.html', 'x'.repeat(NOTICE_BYTES))).owners.notice).toHaveLength(
      NOTICE_BYTES,
    );
    expect((await faceWith('local_notice.html', 'x'.repeat(NOTICE_BYTES + 1))).owners.notice).toBeUndefined();
  }),
  MARK_BYTES: ends('a file of somebody else', async () => {
    const mark = '"generator": "clamav-mirror/';
    expect((await faceWith('status.json', `{${mark}1"}`)).others).toEqual(new Set());
    expect((await faceWith('status.json', `{${' '.repeat(MARK_BYTES)}${mark}1"}`)).others).toEqual(
      new Set(['status.json']),
    );
  }),
  LOCAL_FILES: elsewhere(
    'the first ones',
    'cycle/face/local-files.it.test.ts',
    'more of them than is plausible',
  ),
  LOCAL_BYTES: elsewhere(
    'left out, with a warning',
    'cycle/face/local-files.it.test.ts',
    'with other names, kinds or sizes',
  ),
  FEED_ENTRIES: elsewhere('the newest ones', 'page/feed/feed.test.ts', 'has the newest entries'),
  FEED_BYTES: elsewhere('the newest ones', 'page/feed/feed.test.ts', 'has the newest entries'),
  PAGE_BYTES: elsewhere('without evidence and files', 'page/page.test.ts', 'stays below 100 KB'),
};
