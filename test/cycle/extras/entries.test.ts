import { describe, expect, test } from 'vitest';
import { isFileHash, listsOf, MARK } from '../../../scripts/cycle/extras/allow-list.ts';
import { entriesNow } from '../../../scripts/cycle/extras/wanted-entries.ts';
import { allowedEntry } from '../../mirror/extras.ts';

const NOW = new Date('2026-07-01T00:00:00.000Z');
const reason = 'it flags our installer';

describe('the entries of an allow list', () => {
  test('are those of commands and those of the file, each once', () => {
    const published = [
      allowedEntry('Ours-1'),
      allowedEntry('Gone-1', { from: 'file' }),
      allowedEntry('Stays-1', { from: 'file' }),
    ];
    const listed = ['Stays-1', 'New-1', 'Ours-1'].map((what) => ({ what, reason }));
    expect(entriesNow(published, listed, NOW)).toEqual([
      allowedEntry('Ours-1'),
      allowedEntry('Stays-1', { from: 'file' }),
      allowedEntry('New-1', { from: 'file', since: NOW.toISOString() }),
    ]);
  });

  test('of a file that cannot be read stay as they were', () => {
    const published = [allowedEntry('Ours-1'), allowedEntry('File-1', { from: 'file' })];
    expect(entriesNow(published, undefined, NOW)).toEqual(published);
  });

  test('end at their time', () => {
    const until = (time: string) => ({ until: new Date(time).toISOString() });
    const over = allowedEntry('Over-1', until('2026-07-01'));
    const holds = allowedEntry('Holds-1', until('2026-07-02'));
    expect(entriesNow([over, holds], [{ what: 'File-1', reason, ...until('2026-06-01') }], NOW)).toEqual([
      holds,
    ]);
  });

  test('are the same two files in any order, each with its first line', () => {
    const [name, hash] = [allowedEntry('Ours-1'), allowedEntry('a'.repeat(64))];
    const lists = listsOf([name, hash]);
    expect(listsOf([hash, name])).toEqual(lists);
    expect(lists.get('local.ign2')).toBe(`${MARK}\nOurs-1\n`);
    expect(lists.get('local.sfp')).toBe(`${MARK}\n${hash.what}:*:allowed:73\n`);
    expect([name, hash].map(({ what }) => isFileHash(what))).toEqual([false, true]);
  });
});
