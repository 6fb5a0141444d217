import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PINNED_IMAGES } from '../../scripts/engine/default-images.ts';
import { PIN_GONE } from '../../scripts/engine/images/pin-gone.ts';
import { parseRunReport } from '../../scripts/notify/run-report.ts';
import { checkImages, withoutImages } from '../../scripts/watch/check-images.ts';
import { checkSettings } from '../../scripts/watch/quick-check-settings.ts';
import { freePort } from '../support/web/ports.ts';
import { startRegistry, type TestRegistry } from '../support/web/registry.ts';

const GONE = `sha256:${'0'.repeat(64)}`;

let registry: TestRegistry;
beforeEach(async () => {
  registry = await startRegistry();
});
afterEach(async () => await registry[Symbol.asyncDispose]());

/** The images of these variables: what a run is told, and what it reports. */
async function check(newest: string, oldest: string) {
  const { images } = checkSettings({
    CLAMAV_MIRROR_NEWEST_IMAGE: newest,
    CLAMAV_MIRROR_OLDEST_IMAGE: oldest,
  });
  const { outputs, lines, valid } = await checkImages({ images }, new Date('2026-11-28T10:00:00Z'));
  const { report = '', ...named } = outputs;
  expect(Object.values(outputs).join('')).not.toContain('\n');
  return { named, lines, valid, report: parseRunReport(report) };
}
const at = (rest: string) => `${registry.host}/clamav/clamav:${rest}`;

test('images whose digests are there are used, without a word', async () => {
  const newest = at(`1.5.4@${registry.push('newest', '1.5')}`);
  const oldest = at(`1.4@${registry.push('oldest', '1.4')}`);
  const { named, lines, valid, report } = await check(newest, oldest);
  expect(named).toEqual({ 'newest-image': newest, 'oldest-image': oldest });
  expect({ lines, valid }).toEqual({ lines: [], valid: true });
  expect(report).toMatchObject({ failures: [], recovered: [], undecided: [] });
});

test('a digest that is gone gives way to the tag of its feature release, and is reported', async () => {
  registry.push('a newer one', '1.5', '1.5.5');
  const oldest = at(`1.4@${registry.push('oldest', '1.4')}`);
  const { named, lines, valid, report } = await check(at(`1.5.4@${GONE}`), oldest);
  expect(named).toEqual({ 'newest-image': at('1.5'), 'oldest-image': oldest });
  expect(valid).toBe(true);
  expect(lines).toEqual([expect.stringContaining(at(`1.5.4@${GONE}`))]);
  expect(report?.failures).toMatchObject([{ class: 'configuration', code: PIN_GONE, about: 'newest' }]);
});

test('if both are gone, one failure names both', async () => {
  registry.push('a newer one', '1.5', '1.4');
  const { named, report } = await check(at(`1.5.4@${GONE}`), at(`1.4.6@${GONE}`));
  expect(named).toEqual({ 'newest-image': at('1.5'), 'oldest-image': at('1.4') });
  expect(report?.failures).toMatchObject([{ code: PIN_GONE, about: 'newest, oldest' }]);
});

describe('the pinned image is used all the same, and nothing is decided,', () => {
  test.each([429, 500])('if its registry answers %i', async (status) => {
    registry.push('a newer one', '1.5');
    registry.status = status;
    const pinned = at(`1.5.4@${GONE}`);
    const { named, report } = await check(pinned, 'clamav');
    expect(named).toEqual({ 'newest-image': pinned, 'oldest-image': 'clamav' });
    expect(report).toMatchObject({ failures: [], undecided: [PIN_GONE] });
  });

  test('if its registry answers for the tag alone', async () => {
    registry.push('a newer one', '1.5');
    registry.status = 500;
    registry.failing = /sha256:/;
    const pinned = at(`1.5.4@${GONE}`);
    const { named, report } = await check(pinned, 'clamav');
    expect(named['newest-image']).toBe(pinned);
    expect(report).toMatchObject({ failures: [], undecided: [PIN_GONE] });
  });

  test('if nobody answers', async () => {
    const pinned = `127.0.0.1:${await freePort()}/clamav/clamav:1.5.4@${GONE}`;
    const { named, report } = await check(pinned, 'clamav');
    expect(named['newest-image']).toBe(pinned);
    expect(report).toMatchObject({ failures: [], undecided: [PIN_GONE] });
  });

  test('if its registry has no tag of the release either: it may hide both from strangers', async () => {
    const pinned = at(`1.5.4@${GONE}`);
    const { named, report } = await check(pinned, 'clamav');
    expect(named['newest-image']).toBe(pinned);
    expect(report).toMatchObject({ failures: [], undecided: [PIN_GONE] });
  });
});

test('an image without a digest is used, and no registry is asked', async () => {
  const { named } = await check(at('1.5'), at('stable'));
  expect(named).toEqual({ 'newest-image': at('1.5'), 'oldest-image': at('stable') });
  expect(registry.requests).toEqual([]);
});

test('a variable that names no image ends the run, and is reported', async () => {
  const { named, valid, report } = await check('--privileged', 'clamav');
  expect({ named, valid }).toEqual({ named: {}, valid: false });
  expect(report?.failures).toMatchObject([{ class: 'configuration', code: 'engine/spec' }]);
});

test('without variables the pinned images are meant', () => {
  expect(checkSettings({}).images).toEqual({ newest: undefined, oldest: undefined });
  expect(PINNED_IMAGES.map(({ role }) => role)).toEqual(['newest', 'oldest']);
});

test('where no image is needed, none is named, and nothing is decided about the pins', () => {
  const { outputs, lines, valid } = withoutImages(new Date('2026-11-28T10:00:00Z'));
  expect(Object.keys(outputs)).toEqual(['report']);
  expect(parseRunReport(outputs.report ?? '')).toMatchObject({ failures: [], undecided: [PIN_GONE] });
  expect({ lines, valid }).toEqual({ lines: [], valid: true });
});
