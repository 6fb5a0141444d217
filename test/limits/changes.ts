import { expect } from 'vitest';
import {
  CHANGES_BYTES,
  CHANGES_FILES,
  CHANGES_INDEX_BYTES,
  CHANGES_OVERVIEW_BYTES,
  CHANGES_VERSIONS,
  INDEXED_NAMES,
} from '../../scripts/base/limits/page.ts';
import { digestsOf, encodeNameIndex, readNameIndex } from '../../scripts/changes/name-index.ts';
import { encodeOverview, readOverview, type StepSummary } from '../../scripts/changes/overview.ts';
import { encodeStep, parseStep } from '../../scripts/changes/record.ts';
import { bigStep, stepWith } from '../changes/facts.ts';
import { elsewhere, ends, type Row } from './rows.ts';

const summary = (to: number): StepSummary => ({
  ...{ from: to - 1, to, source: 'cdiff', added: 1, removed: 0, exchanged: 0, bytes: 100 },
});
const read = async (text: string) => await readOverview(async () => text, 'daily');
const upTo = (count: number) => Array.from({ length: count }, (_, at) => summary(at + 2));
const none = 'it counts as none';

export const CHANGES_LIMITS: Readonly<Record<string, Row>> = {
  CHANGES_VERSIONS: ends(none, async () => {
    expect(await read(encodeOverview('daily', upTo(CHANGES_VERSIONS)))).toHaveLength(CHANGES_VERSIONS);
    expect(await read(encodeOverview('daily', upTo(CHANGES_VERSIONS + 1)))).toEqual([]);
  }),
  CHANGES_BYTES: ends('names are cut, and counted', () => {
    const text = encodeStep(bigStep(60_000));
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(CHANGES_BYTES);
    const added = parseStep(text, 'daily', 2)?.files[0]?.added;
    expect((added?.names.length ?? 0) + (added?.cut ?? 0)).toBe(60_000);
    expect(parseStep(`${text}${' '.repeat(CHANGES_BYTES)}`, 'daily', 2)).toBeUndefined();
  }),
  CHANGES_BRACKETS: ends('names are cut, and counted', () => {
    const text = encodeStep(stepWith(Array.from({ length: 3000 }, (_, at) => `R:${at}${'[a]'.repeat(40)}`)));
    expect(parseStep(text, 'daily', 2)?.files[0]?.added).toMatchObject({ lines: 3000, cut: 1750 });
  }),
  CHANGES_FILES: ends(none, () => {
    const [file] = stepWith(['Name']).files;
    const files = Array.from({ length: CHANGES_FILES + 1 }, (_, at) => ({ ...file, file: `f${at}.ndb` }));
    expect(parseStep(encodeStep({ ...stepWith([]), files }), 'daily', 2)).toBeUndefined();
  }),
  CHANGES_OVERVIEW_BYTES: ends(none, async () => {
    const text = encodeOverview('daily', upTo(2));
    expect(await read(text)).toHaveLength(2);
    expect(await read(`${text}${' '.repeat(CHANGES_OVERVIEW_BYTES)}`)).toEqual([]);
  }),
  INDEXED_NAMES: ends('no digests: the list is read', () => {
    expect(digestsOf(bigStep(INDEXED_NAMES))).toBeDefined();
    expect(digestsOf(bigStep(INDEXED_NAMES + 1))).toBeUndefined();
  }),
  CHANGES_INDEX_BYTES: ends(none, async () => {
    const text = encodeNameIndex('daily', new Map([[2, digestsOf(stepWith(['Name'])) ?? '']]));
    const reading = async (found: string) => await readNameIndex(async () => found, 'daily');
    expect((await reading(text)).size).toBe(1);
    expect((await reading(`${text}${' '.repeat(CHANGES_INDEX_BYTES)}`)).size).toBe(0);
  }),
  COMPARED_LINES: elsewhere('cvd/too-large', 'changes/steps.test.ts', 'COMPARED_LINES'),
  CHANGES_STEPS: elsewhere('the rest waits', 'changes/complete.test.ts', 'CHANGES_STEPS'),
};
