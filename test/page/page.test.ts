import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../scripts/mirror/manifest.ts';
import { statusPage } from '../../scripts/page/page.ts';
import { withCycle } from '../../scripts/page/record.ts';
import { type StatusFacts, statusOf } from '../../scripts/page/status.ts';
import { allowedEntry, extraRecord, extrasOf } from '../mirror/extras.ts';
import { databaseRecord, described } from '../store/support.ts';
import { ago, cycleAt, NOW, ninetyDays, production, wellFacts } from './facts.ts';

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;

function pageOf(facts: StatusFacts, owners: { hasLogo?: boolean; notice?: string } = {}): string {
  const { manifest, history } = facts;
  return statusPage({
    ...{ status: statusOf(facts), manifest, history },
    owners: { hasLogo: false, notice: undefined, ...owners },
  });
}

/** The text that a reader sees, without what a script may put there later. */
function textOf(page: string): string {
  return page
    .replaceAll(/<(style|script|template)\b[\s\S]*?<\/\1>/g, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ');
}

describe('the page', () => {
  test('says first that the mirror is well, and how old what it serves is', () => {
    const text = textOf(pageOf(wellFacts()));
    const at = [
      'This mirror is well.',
      '4 minutes before this page was written',
      '2026-11-28 10:23 UTC',
      'Databases',
    ];
    const places = at.map((words) => text.indexOf(words));
    expect(places).toEqual([...places].sort((one, other) => one - other));
    expect(places[0]).toBeGreaterThan(0);
  });

  test('shows versions, signatures, sizes, origin, proof, files and how to use it', () => {
    const text = textOf(pageOf(wellFacts()));
    for (const words of [
      'daily 28001',
      '2,081,339',
      '89.1 MB',
      'rebuilt from CDIFFs: 60.0 KB instead of 23.1 MB',
      'ClamAV 1.5.4',
      'clamd reloads the new databases while it scans',
      'DatabaseMirror https://clamav.example',
      'daily 28000 → 28001',
      described('daily').sha256,
    ])
      expect(text).toContain(words);
  });

  test('stays below 100 KB with ninety days, without evidence and files if it must', () => {
    expect(Buffer.byteLength(pageOf(wellFacts()))).toBeLessThan(100_000);
    const names = Array.from({ length: 50 }, (_, at) => `database_with_a_long_name_${at}`);
    const held = { since: ago(DAY), reason: '"'.repeat(2000) };
    const databases = Object.fromEntries(names.map((name) => [name, databaseRecord(1, { held })]));
    const results = Array.from({ length: 400 }, (_, at) => ({
      ...{ engine: `${at % 50}`, scenario: '<'.repeat(9000), result: 'passed' as const },
      ...{ evidence: '>'.repeat(90_000), duration: 1 },
    }));
    const engines = names.map((_, at) => ({ name: `${at}`, version: '&'.repeat(900) }));
    const proof = { ...production().proof, engines, results };
    const manifest = production(0, { databases, proof });
    const quarantine = Object.fromEntries(
      names.map((name) => [
        name,
        { version: 2, reason: "'".repeat(500), code: 'proof/failed', since: ago(DAY), until: null },
      ]),
    );
    const page = pageOf(wellFacts({ manifest, quarantine, history: ninetyDays(manifest) }), {
      notice: '<'.repeat(4096),
    });
    expect(Buffer.byteLength(page)).toBeLessThan(100_000);
    expect(page).toContain('database_with_a_long_name_0');
  });

  test('shows the first of many extras and entries, and counts the others', () => {
    const [names, whats] = ['ndb', 'agent'].map((end) =>
      Array.from({ length: 150 }, (_, at) => `n${at}.${end}`),
    );
    const record = { ...extraRecord(''), source: '"'.repeat(2000) };
    const files = Object.fromEntries((names ?? []).map((name) => [name, record]));
    const reason = '"'.repeat(500);
    const extras = extrasOf(
      files,
      (whats ?? []).map((what) => allowedEntry(what, { reason })),
    );
    const page = pageOf(wellFacts({ manifest: production(0, { extras }) }));
    expect(textOf(page)).toContain('And 130 more in status.json');
    expect(Buffer.byteLength(page)).toBeLessThan(100_000);
  });

  test('lets run only what its policy names by hash, and asks nobody else', () => {
    const page = pageOf(wellFacts(), { notice: '<p>hello</p>', hasLogo: true });
    const [, policy = ''] = /Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
    const allowed = (text: string) =>
      policy.includes(`&#39;sha256-${createHash('sha256').update(text).digest('base64')}&#39;`);
    const scripts = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, text = '']) => text);
    const styles = [...page.matchAll(/<style>([\s\S]*?)<\/style>/g)].map(([, text = '']) => text);
    expect([scripts.length, styles.length]).toEqual([1, 1]);
    expect([...scripts, ...styles].map(allowed)).toEqual([true, true]);
    expect(policy.startsWith('default-src &#39;none&#39;')).toBe(true);
    expect(policy).not.toContain('unsafe');
    expect(page).not.toMatch(/\son\w+=|\sstyle=|javascript:/);
    const asked = [...page.matchAll(/\s(?:src|srcset|href|action|data)="([^"]*)"/g)].map(
      ([, url = '']) => url,
    );
    expect(
      asked.filter((url) => !/^([A-Za-z0-9][\w./-]*|data:image\/svg\+xml,[\w%.!()'*-]*)$/.test(url)),
    ).toEqual([]);
  });

  test('has no charts on its first day', () => {
    const manifest = production();
    const first = wellFacts({ manifest, history: ninetyDays(manifest, 1) });
    expect(pageOf(first)).not.toContain('<figure>');
    expect(pageOf(wellFacts())).toContain('<figure>');
  });

  test('shows picture and notice of the owner, the notice in a frame that may run nothing', () => {
    const page = pageOf(wellFacts(), {
      hasLogo: true,
      notice: '<b onclick="x()">"quoted"</b></iframe><script>',
    });
    expect(page).toContain('src="local_logo.png"');
    const [, frame = ''] = /<iframe ([^>]*)>/.exec(page) ?? [];
    expect(frame).toContain('sandbox="allow-top-navigation-by-user-activation"');
    expect(frame).not.toMatch(/allow-(scripts|same-origin|forms)/);
    expect([...page.matchAll(/<script/g)]).toHaveLength(1);
    expect(pageOf(wellFacts())).not.toContain('local_logo');
  });

  test('names no address where it knows none', () => {
    const page = pageOf(wellFacts({ publicUrl: undefined }));
    expect(page).toContain('<span data-mirror>http://mirror.example</span>');
  });
});

describe('the verdict', () => {
  const bad = (code: string, reason = 'because') =>
    [{ database: 'daily', code, reason }] satisfies StatusFacts['problems'];
  const pinned = (): Manifest => {
    const manifest = production();
    const daily = {
      ...databaseRecord(28_000),
      ...manifest.databases.daily,
      held: { since: ago(DAY), reason: 'false alarms' },
    };
    return { ...manifest, databases: { ...manifest.databases, daily } };
  };
  const facts = (change: Partial<StatusFacts>, cycle = {}) => {
    const manifest = change.manifest ?? production();
    const { problems = [] } = change;
    const history = withCycle(ninetyDays(manifest, 3), cycleAt(1000, { problems, ...cycle }), manifest, NOW);
    return wellFacts({ history, ...change });
  };
  const coolDown = { until: ago(-HOUR), reason: 'HTTP 429 for daily.cvd' };

  test.each([
    ['well', facts({}), 'This mirror is well.'],
    ['pinned', facts({ manifest: pinned() }), 'holds a version back'],
    ['waiting', facts({ problems: bad('proof/waiting') }), 'a new version waits'],
    [
      'cooling down',
      facts({ problems: bad('upstream/cool-down'), coolDown }),
      'This mirror waits for upstream.',
    ],
    ['failing', facts({ problems: bad('engine/missing') }), 'The last cycle failed'],
    ['refused', facts({ problems: bad('verify/signature') }), 'This mirror refused an update.'],
    ['ageing', facts({ manifest: production(25 * HOUR) }), 'This mirror is ageing.'],
    [
      'stale',
      facts({ manifest: production(49 * HOUR), problems: bad('engine/missing') }),
      'This mirror is stale.',
    ],
  ] as const)('of a mirror that is %s', (verdict, given, words) => {
    expect(statusOf(given).verdict).toBe(verdict);
    expect(textOf(pageOf(given))).toContain(words);
  });

  test('goes by the time of the last check alone when that is old', () => {
    const ages = [23, 24, 47, 48].map(
      (hours) => statusOf(facts({ manifest: production(hours * HOUR) })).verdict,
    );
    expect(ages).toEqual(['well', 'ageing', 'ageing', 'stale']);
  });

  test('counts no database that is deliberately not mirrored any more', () => {
    const manifest = production();
    const old = databaseRecord(3, { checked: ago(400 * DAY), left: ago(390 * DAY) });
    const given = facts({ manifest: { ...manifest, databases: { ...manifest.databases, old } } });
    expect(statusOf(given).verdict).toBe('well');
    expect(textOf(pageOf(given))).toContain('old is no longer mirrored');
  });

  test('of a cool-down that is over is none', () => {
    expect(statusOf(facts({ coolDown: { ...coolDown, until: ago(1) } })).coolDown).toBeNull();
  });

  test('tells of a cool-down once, by its reason and end', () => {
    const text = textOf(pageOf(facts({ problems: bad('upstream/cool-down'), coolDown })));
    expect(text).toContain('HTTP 429');
    expect(text).not.toContain('daily, in the last cycle:');
    const later = textOf(pageOf(facts({ problems: bad('upstream/cool-down') })));
    expect(later).toContain('daily, in the last cycle:');
  });

  test('comes with the reason of a refusal, a pin, a quarantine and a cool-down', () => {
    const quarantine = {
      daily: {
        version: 28_002,
        reason: 'clamd crashed',
        code: 'proof/failed',
        since: ago(HOUR),
        until: ago(-HOUR),
      },
    };
    const text = textOf(
      pageOf(
        facts({ manifest: pinned(), quarantine, coolDown, problems: bad('proof/failed', 'clamd 1.4 died') }),
      ),
    );
    for (const words of [
      'false alarms',
      'daily 28002 is quarantined',
      'clamd crashed',
      'HTTP 429',
      'clamd 1.4 died',
    ])
      expect(text).toContain(words);
  });

  test('keeps paths and addresses of this machine for its own log', () => {
    const problems = [
      { database: undefined, code: 'store/failed', reason: 'EACCES /srv/secret' },
      { database: 'daily', code: 'upstream/proxy', reason: 'http://user:password@proxy.inside' },
    ];
    const given = facts({ problems });
    const told = `${JSON.stringify(statusOf(given))}${pageOf(given)}`;
    expect(told).toContain('store/failed');
    expect(told).not.toMatch(/secret|password/);
  });
});

describe('hostile words', () => {
  const EVIL = '"><img src=x onerror=alert(1)><script>alert(1)</script>`$`\u202e\u0000\n</title></style>';
  const manifest = production();
  const { daily } = manifest.databases;
  const hostile = wellFacts({
    manifest: {
      ...manifest,
      databases: {
        ...manifest.databases,
        daily: { ...databaseRecord(1), ...daily, held: { since: ago(DAY), reason: EVIL } },
      },
      proof: {
        ...manifest.proof,
        databases: { [EVIL]: 1 },
        accepted: { reason: EVIL, findings: [EVIL] },
        engines: [{ name: EVIL, version: EVIL }],
        results: [{ engine: EVIL, scenario: EVIL, result: 'failed', evidence: EVIL, duration: 1 }],
      },
    },
    problems: [{ database: 'daily', code: EVIL, reason: EVIL }],
    quarantine: { daily: { version: 1, reason: EVIL, code: EVIL, since: ago(HOUR), until: null } },
    coolDown: { until: ago(-HOUR), reason: EVIL },
  });

  test('become text, in the page and in the frame of the notice', () => {
    const page = pageOf(hostile, { notice: EVIL });
    expect([...page.matchAll(/<img|<script/g)].map(([tag]) => tag)).toEqual(['<script']);
    expect(['\u202e', '\u0000'].filter((character) => page.includes(character))).toEqual([]);
    expect(page).toContain('&#60;script&#62;alert(1)');
  });

  test('that name the mirror stay in its attribute', () => {
    expect(pageOf(wellFacts({ publicUrl: 'https://x/"><script>' }))).not.toContain('"><script>');
  });
});
