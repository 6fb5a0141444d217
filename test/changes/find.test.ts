import { describe, expect, test } from 'vitest';
import {
  findSignature,
  isServed,
  readStep,
  type SignatureEvent,
  signatureAsked,
} from '../../scripts/changes/find.ts';
import { digestsOf, encodeNameIndex, mayHold } from '../../scripts/changes/name-index.ts';
import { encodeOverview, readOverview, summaryOf } from '../../scripts/changes/overview.ts';
import { encodeStep, parseStep } from '../../scripts/changes/record.ts';
import type { FileChange, Step } from '../../scripts/changes/step.ts';
import type { ReadText } from '../../scripts/changes/texts.ts';
import { changesIndexName, changesName, changesOverviewName } from '../../scripts/cvd/names.ts';
import { bigStep, stepWith } from './facts.ts';

const stepOf = (to: number, ...files: FileChange[]): Step => ({
  ...{ database: 'daily', from: to - 1, to, source: 'cdiff', files },
});
const ndb = (change: Omit<FileChange, 'file'>): FileChange => ({ file: 'daily.ndb', ...change });
const names = (...all: string[]) => ({ lines: all.length, names: all });

/** A mirror with the lists of these steps; it remembers what was read. */
function mirrorWith(steps: readonly Step[], change: Readonly<Record<string, string>> = {}) {
  const texts = new Map(steps.map((step) => [changesName('daily', step.to), encodeStep(step)]));
  const summaries = steps.map((step) => summaryOf(step, encodeStep(step)));
  texts.set(changesOverviewName('daily'), encodeOverview('daily', summaries));
  const index = new Map(steps.map((step) => [step.to, digestsOf(step) ?? '']));
  texts.set(changesIndexName('daily'), encodeNameIndex('daily', index));
  for (const [name, text] of Object.entries(change)) texts.set(name, text);
  const seen: string[] = [];
  const read: ReadText = async (name, limit) => {
    seen.push(name);
    const text = texts.get(name);
    return text !== undefined && text.length <= limit ? text : undefined;
  };
  return { read, seen };
}

const STEPS = [
  stepOf(2, ndb({ added: names('Win.A', 'Win.B') })),
  stepOf(3, ndb({ exchanged: names('Win.A') })),
  stepOf(4, ndb({ removed: names('Win.A') })),
];

describe('a signature', () => {
  test('came, changed and went with its versions, of which no other is read', async () => {
    const { read, seen } = mirrorWith([...STEPS, stepOf(5, ndb({ added: names('Win.C') }))]);
    const [answer] = await findSignature(read, ['daily', 'main'], 'Win.A');
    expect(answer?.events.map(({ to, change, file }) => [to, change, file])).toEqual([
      [2, 'added', 'daily.ndb'],
      [3, 'exchanged', 'daily.ndb'],
      [4, 'removed', 'daily.ndb'],
    ]);
    expect(answer).toMatchObject({ from: 1, to: 5, unsure: [] });
    expect(seen).not.toContain(changesName('daily', 5));
  });

  test('is found without the index too', async () => {
    const { read } = mirrorWith(STEPS, { [changesIndexName('daily')]: 'no JSON' });
    expect((await findSignature(read, ['daily'], 'Win.B'))[0]?.events).toHaveLength(1);
  });

  test('may be in a list that was cut, or lacks names, and that is said', async () => {
    const cut = { ...names('Win.B'), lines: 2, cut: 1 };
    const unknown = { lines: 1, names: [], unknown: 1 };
    const { read } = mirrorWith([stepOf(2, ndb({ added: cut })), stepOf(3, ndb({ removed: unknown }))]);
    expect((await findSignature(read, ['daily'], 'Win.Z'))[0]?.unsure).toEqual([2, 3]);
  });

  test('in a list that is not there may have changed', async () => {
    const { read } = mirrorWith(STEPS, { [changesName('daily', 3)]: '' });
    const [answer] = await findSignature(read, ['daily'], 'Win.A');
    expect(answer?.events.map(({ to }) => to)).toEqual([2, 4]);
    expect(answer?.unsure).toEqual([3]);
  });

  test('is asked for as ClamAV prints it', () => {
    expect(signatureAsked(' Win.A.UNOFFICIAL ')).toBe('Win.A');
    expect(signatureAsked('Win.\x1b[31mA')).toBe('Win.\\x1b[31mA');
  });
});

describe('a signature is served', () => {
  const event = (to: number, change: SignatureEvent['change'], file = 'daily.ndb'): SignatureEvent => ({
    ...{ database: 'daily', from: to - 1, to, file, change },
  });
  test.each([
    ['after it came', [event(2, 'added')], 5, true],
    ['after it went', [event(2, 'added'), event(4, 'removed')], 5, false],
    ['before it went, after a rollback', [event(2, 'added'), event(4, 'removed')], 3, true],
    ['not before it came, after a rollback', [event(4, 'added')], 3, false],
    ['before it changed first, after a rollback', [event(4, 'exchanged')], 3, true],
    ['in another file', [event(3, 'removed'), event(3, 'added', 'daily.ldb')], 5, true],
    ['who knows', [], 5, undefined],
    ['who knows, of a database that is not there', [event(3, 'added')], undefined, undefined],
  ] as const)('%s', (_, events, served, answer) => {
    expect(isServed(events, served)).toBe(answer);
  });
});

describe('a hostile list', () => {
  const good = encodeStep(stepWith(['Win.A']));
  test.each([
    ['no JSON', '{'],
    ['another format', good.replace('"format": 1', '"format": 2')],
    ['a name with an escape', good.replace('Win.A', 'Win.\\u001b[2J')],
    ['a name that is none', good.replace('"Win.A"', '{}')],
    ['a file with a path', good.replace('"daily.ldb"', '"../daily.ldb"')],
    ['another database', good.replace('"daily"', '"main"')],
    ['another version', good.replace('"to": 2', '"to": 3')],
    ['a version before itself', good.replace('"from": 1', '"from": 2')],
    ['a count below zero', good.replace('"lines":1', '"lines":-1')],
  ])('with %s is none', (_, text) => {
    expect(parseStep(good, 'daily', 2)).toBeDefined();
    expect(text).not.toBe(good);
    expect(parseStep(text, 'daily', 2)).toBeUndefined();
  });

  test('does not break an answer', async () => {
    const { read } = mirrorWith(STEPS, {
      [changesName('daily', 2)]: '[[[',
      [changesOverviewName('main')]: '{}',
    });
    const [answer, ...others] = await findSignature(read, ['daily', 'main'], 'Win.A');
    expect(answer?.events.map(({ to }) => to)).toEqual([3, 4]);
    expect(others).toEqual([]);
    expect(await readStep(read, 'daily', { to: 2 })).toBeUndefined();
    expect(await readOverview(read, 'main')).toEqual([]);
  });
});

describe('the index of names', () => {
  test('misses none of a list, and hardly ever takes another name for one of them', () => {
    const step = bigStep(2000);
    const digests = digestsOf(step);
    const inside = step.files[0]?.added?.names ?? [];
    expect(inside.filter((name) => !mayHold(digests, name))).toEqual([]);
    expect(bigStep(2000, { to: 3 }).files[0]?.added?.names.filter((name) => mayHold(digests, name))).toEqual(
      [],
    );
    expect(mayHold(undefined, 'Win.A')).toBe(true);
  });
});
