import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, inject, test } from 'vitest';
import { HISTORY_JSON } from '../../../scripts/mirror/pages.ts';
import { historyJson } from '../../../scripts/page/history.ts';
import { describeWith, have } from '../../support/setup/official.ts';
import { ago, cycleAt, NOW } from '../facts.ts';
import { EVIL, STATES } from '../states.ts';
import { ATOM_SCHEMA, Told } from './support.ts';

const xmllint = inject('xmllint');
const folder = mkdtempSync(join(tmpdir(), 'feeds-'));
afterAll(async () => await rm(folder, { recursive: true }));

/** What libxml2 says of these texts by the schema of RFC 4287, and the words that it reads in them. */
function validate(texts: readonly string[]): { said: string; status: number | null } {
  const paths = texts.map((text, at) => {
    writeFileSync(join(folder, `${at}.xml`), text);
    return join(folder, `${at}.xml`);
  });
  const args = ['--noout', '--nonet', '--relaxng', ATOM_SCHEMA, ...paths];
  const { stderr, status } = spawnSync(have(xmllint), args, { encoding: 'utf8' });
  return { said: stderr.replaceAll(/^.* validates\n/gm, ''), status };
}

/** The texts of elements as libxml2 reads them. */
function read(text: string, element: string): string {
  writeFileSync(join(folder, 'read.xml'), text);
  const path = `string(//*[local-name()='entry']/*[local-name()='${element}'])`;
  return spawnSync(have(xmllint), ['--xpath', path, join(folder, 'read.xml')], {
    encoding: 'utf8',
  }).stdout.trim();
}

/** Words of any characters at all, also those that XML, JSON and HTML have a use for, or none. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 400 }),
  fc
    .array(
      fc.constantFrom(
        ']]>',
        '<!--',
        '&amp;',
        '"',
        "'",
        '\u0000',
        '\ud800',
        '\udc00',
        '\u202e',
        '\uffff',
        '\ufffe',
        EVIL,
      ),
      { minLength: 1, maxLength: 40 },
    )
    .map((parts) => parts.join('')),
);

/** The feeds of a mirror to which all this happened. */
async function feedOf(words: readonly string[], publicUrl: string | undefined): Promise<Told> {
  const told = new Told();
  const { manifest } = STATES.pinned ?? { manifest: undefined };
  if (manifest === undefined) throw new Error('no such state');
  const [reason = '', what = '', from = ''] = words;
  const daily = manifest.databases.daily;
  const versions = [
    { database: 'daily', from: 28_001, to: 27_990, how: 'rolled back' as const, upstreamBytes: 0 },
  ];
  const held = { since: ago(5000), reason };
  const databases = { ...manifest.databases, ...(daily && { daily: { ...daily, held } }) };
  const problems = [{ database: 'daily', code: `verify/${from}`, reason, version: 28_002 }];
  const extras = {
    files: {},
    allowed: [{ what, reason, since: ago(9000), from: 'file' as const }],
    retired: [],
  };
  const facts = {
    manifest: { ...manifest, databases, extras },
    now: NOW,
    quarantine: {},
    coolDown: undefined,
    publicUrl,
  };
  await told.tell({ ...facts, cycle: cycleAt(2000, { outcome: 'refused', problems }), previous: manifest });
  await told.tell({ ...facts, versions });
  return told;
}

describeWith(xmllint)('an Atom feed', () => {
  test.each(Object.entries(STATES))(
    'is valid by RFC 4287: %s',
    async (_, { history, problems, ...facts }) => {
      const told = new Told(new Map([[HISTORY_JSON, historyJson(history)]]));
      await told.tell({ ...facts, cycle: cycleAt(1000, { problems: problems ?? [] }) });
      expect(validate([told.xml])).toEqual({ said: '', status: 0 });
      expect(told.faults).toEqual([]);
    },
  );

  test('holds the names and reasons of others as text, whatever is in them', async () => {
    const words = fc.sample(fc.tuple(hostile, hostile, hostile), { numRuns: 150, seed: 4287 });
    const feeds = await Promise.all(words.map((some) => feedOf(some, undefined)));
    expect(feeds.flatMap(({ faults }) => faults)).toEqual([]);
    const entries = feeds.map(({ entries }) => entries);
    expect(entries.filter(({ length }) => length !== 3)).toEqual([]);
    expect(
      entries.flat().filter(({ title, content_text: text }) => !`${title}${text}`.isWellFormed()),
    ).toEqual([]);
    expect(validate(feeds.map(({ xml }) => xml))).toEqual({ said: '', status: 0 });
  });

  test('says the same as the JSON Feed', async () => {
    const told = await feedOf([EVIL, EVIL, EVIL], 'https://clamav.example');
    const squeezed = (text: string | undefined) => text?.replaceAll(/\s+/g, ' ').trim();
    expect(read(told.xml, 'title')).toBe(squeezed(told.entries[0]?.title));
    expect(read(told.xml, 'content')).toBe(squeezed(told.entries[0]?.content_text));
  });

  test.each([
    ['without an id', (xml: string) => xml.replace(/<id>.*<\/id>/, '')],
    ['with a time that is none', (xml: string) => xml.replace(/<updated>[^<]*/, '<updated>yesterday')],
    ['with an element of its own', (xml: string) => xml.replace('<entry>', '<entry><state>good</state>')],
    ['with markup in a reason', (xml: string) => xml.replace('</content>', '<b></content>')],
  ])('%s would not pass', async (_, damage) => {
    const { xml } = await feedOf(['a', 'b', 'c'], undefined);
    expect(validate([xml]).status).toBe(0);
    expect(validate([damage(xml)]).status).not.toBe(0);
  });
});
