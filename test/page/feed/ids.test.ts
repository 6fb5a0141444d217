import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FEED_ENTRIES, HISTORY_CHANGES } from '../../../scripts/base/limits/page.ts';
import type { Allowed } from '../../../scripts/mirror/extras.ts';
import type { Manifest } from '../../../scripts/mirror/manifest.ts';
import { HISTORY_JSON } from '../../../scripts/mirror/pages.ts';
import type { FaceFacts } from '../../../scripts/page/face.ts';
import type { CycleFacts, NewVersion } from '../../../scripts/page/record.ts';
import { databaseRecord, manifestOf } from '../../store/support.ts';
import { NOW } from '../facts.ts';
import { type Entry, Told } from './support.ts';

const DATABASES = ['main', 'daily'] as const;
const MINUTE = 60_000;
const database = fc.constantFrom(...DATABASES);
const action = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant('publish' as const), database, passes: fc.nat(3) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('roll back' as const), database }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('refuse' as const),
      database,
      code: fc.constantFrom('proof/failed', 'verify/signature'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('allow' as const), what: fc.constantFrom('A', 'B') }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), port: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('nothing' as const) }) },
);

/** A mirror to which things happen, and what its feed should say of each, in words that no two of them share. */
class Model {
  readonly told = new Told();
  readonly versions: Record<(typeof DATABASES)[number], number> = { main: 60, daily: 28_000 };
  readonly words: string[] = [];
  allowed: readonly Allowed[] = [];
  #publicUrl = 'https://clamav.example';
  #held: Record<string, { since: string; reason: string }> = {};
  #bytes = 0;
  #time = NOW.getTime() - 5000 * MINUTE;

  async play(one: typeof action extends fc.Arbitrary<infer T> ? T : never, passes: number): Promise<void> {
    this.#time += passes * MINUTE; // none: several things happen at one moment of the clock
    const now = new Date(this.#time);
    if (one.kind === 'publish') await this.#publish(one.database, one.passes, now);
    else if (one.kind === 'roll back') await this.#rollBack(one.database, now);
    else if (one.kind === 'refuse') {
      const version = this.versions[one.database] + 1;
      this.words.push(`${one.database} ${version} refused (${one.code})`);
      const problems = [{ database: one.database, code: one.code, reason: `at ${this.#time}`, version }];
      await this.#cycle(now, { outcome: 'refused', problems });
    } else if (one.kind === 'allow') {
      const before = this.allowed;
      const others = before.filter(({ what }) => what !== one.what);
      const since = new Date(this.#time + ++this.#bytes).toISOString();
      const entry = { what: one.what, reason: `number ${this.#bytes}`, since, from: 'file' } as const;
      this.allowed = others.length < before.length ? others : [...before, entry];
      const came = this.allowed.filter((entry) => !before.includes(entry));
      const went = before.filter((entry) => !this.allowed.includes(entry));
      this.words.push(...came.map(({ reason }) => `allowed ${reason}`));
      this.words.push(...went.map(({ reason }) => `disallowed ${reason}`));
      await this.#cycle(now, {}, { previous: this.#manifest(before) });
    } else if (one.kind === 'restore') {
      this.#publicUrl = `http://host-${one.port}.example`;
      this.told.pages = new Map([[HISTORY_JSON, this.told.pages.get(HISTORY_JSON) ?? '']]);
      await this.#cycle(now, {});
    } else await this.#cycle(now, {});
  }

  /** A cycle tells of a publication in the middle of it, perhaps in several turns, and again when it ends. */
  async #publish(name: (typeof DATABASES)[number], passes: number, now: Date): Promise<void> {
    const from = this.versions[name];
    const to = from + 1; // after a rollback, the version that was there before
    delete this.#held[name];
    this.versions[name] = to;
    const upstreamBytes = this.#bytes++;
    this.words.push(`${upstreamBytes} taken`);
    const published: NewVersion[] = [{ database: name, from, to, how: 'rebuilt', upstreamBytes }];
    const at = now.toISOString();
    for (let time = 0; time <= passes; time++) {
      const cycle = { at, outcome: 'published', published } as const;
      await this.#cycle(new Date(this.#time++), cycle, { isUnderWay: time < passes });
    }
    this.#time++; // the next cycle starts later than this one
  }

  async #rollBack(name: (typeof DATABASES)[number], now: Date): Promise<void> {
    if (this.#held[name] !== undefined) return;
    const from = this.versions[name];
    const reason = `number ${this.#bytes++}`;
    this.#held[name] = { since: now.toISOString(), reason };
    this.versions[name] = from - 1;
    this.words.push(`rolled back ${reason}`);
    const versions = [{ database: name, from, to: from - 1, how: 'rolled back' as const, upstreamBytes: 0 }];
    await this.told.tell({ ...this.#beside(now), versions });
  }

  async #cycle(now: Date, change: Partial<CycleFacts>, more: Partial<FaceFacts> = {}): Promise<void> {
    const cycle: CycleFacts = {
      ...{ at: now.toISOString(), outcome: 'unchanged', seconds: 1, proofSeconds: undefined },
      ...{ upstreamBytes: 0, problems: [], published: [] },
      ...change,
    };
    await this.told.tell({ ...this.#beside(now), cycle, ...more });
  }

  #beside(now: Date) {
    const manifest = this.#manifest(this.allowed);
    return { manifest, now, quarantine: {}, coolDown: undefined, publicUrl: this.#publicUrl };
  }

  #manifest(allowed: readonly Allowed[]): Manifest {
    const records = DATABASES.map((name) => {
      const held = this.#held[name];
      return [name, databaseRecord(this.versions[name], held && { held })] as const;
    });
    const extras = { files: {}, allowed: [...allowed], retired: [] };
    return manifestOf(Object.fromEntries(records), {}, { extras });
  }
}

/** The words of the model for an entry. */
function wordsOf({ title, content_text: text, tags: [kind] }: Entry): string {
  const [, taken] = /(\d+) bytes? from upstream/.exec(text) ?? [];
  if (kind === 'published') return `${taken} taken`;
  if (kind === 'rolled back') return `rolled back ${/number \d+/.exec(text)?.[0]}`;
  if (kind === 'refused') return `${title} ${/\([a-z/]+\)/.exec(text)?.[0]}`;
  return `${kind} ${/number \d+/.exec(text)?.[0]}`;
}

test('an id is of one event, and an event has one id and one text, whatever happens and however often it is told', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(action, fc.nat(2)), { minLength: 120, maxLength: 130 }),
      async (actions) => {
        const model = new Model();
        const seen = new Map<string, Entry>();
        const ids = new Map<string, string>();
        for (const [one, passes] of actions) {
          await model.play(one, passes);
          const { entries, xml } = model.told;
          expect(entries.length).toBeLessThanOrEqual(FEED_ENTRIES);
          expect([...xml.matchAll(/<entry>\n<id>([^<]*)/g)].map(([, id]) => id)).toEqual(
            entries.map(({ id }) => id),
          );
          const words = entries.map(wordsOf);
          const expected = [...new Set(model.words)];
          expect(words.length).toBeGreaterThanOrEqual(Math.min(expected.length, HISTORY_CHANGES));
          for (const [at, entry] of entries.entries()) {
            const said = words[at] ?? '';
            expect(expected).toContain(said);
            const { url: _, ...fixed } = entry;
            expect(seen.get(entry.id) ?? fixed).toEqual(fixed);
            expect(ids.get(said) ?? entry.id).toBe(entry.id);
            seen.set(entry.id, fixed);
            ids.set(said, entry.id);
          }
        }
        expect(model.told.faults).toEqual([]);
        expect(seen.size).toBe(ids.size);
      },
    ),
    { numRuns: 2, seed: 20 },
  );
});
