import type { Extras } from '../../scripts/mirror/extras.ts';
import type { Manifest } from '../../scripts/mirror/manifest.ts';
import { settled } from '../../scripts/page/feed/settled.ts';
import { type History, NO_HISTORY } from '../../scripts/page/history.ts';
import type { CycleFacts } from '../../scripts/page/record.ts';
import { withCycle } from '../../scripts/page/record.ts';
import type { StatusFacts } from '../../scripts/page/status.ts';
import { databaseRecord, described, manifestOf } from '../store/support.ts';

/** The moment at which the pages of these tests are written. */
export const NOW = new Date('2026-11-28T10:27:00.000Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** An ISO time so many milliseconds before `NOW`. */
export function ago(milliseconds: number): string {
  return new Date(NOW.getTime() - milliseconds).toISOString();
}

/** A manifest such as that of ClamAV's own databases, checked so long ago. */
export function production(checkedAgo = 4 * MINUTE, change: Partial<Manifest> = {}): Manifest {
  const checked = ago(checkedAgo);
  const record = (version: number, signatures: number, size: number, builtAgo: number) =>
    databaseRecord(version, {
      ...{ signatures, size, checked, sha256: described(String(version)).sha256 },
      built: ago(checkedAgo + builtAgo),
      cdiffs: { first: version - 29, last: version },
      seen: { at: checked, version },
      sign: { state: 'published', since: checked, asked: checked },
    });
  const databases = {
    main: record(63, 6_647_427, 89_128_960, 70 * DAY),
    daily: record(28_001, 2_081_339, 23_068_672, 5 * HOUR),
    bytecode: record(339, 80, 284_672, 31 * DAY),
  };
  const names = Object.entries(databases).flatMap(([name, { version, size }]) => [
    [`${name}.cvd`, { ...described(name), size }] as const,
    [`${name}-${version}.cvd.sign`, { ...described(`${name} sign`), size: 9012 }] as const,
    ...Array.from({ length: 30 }, (_, at) => version - at).flatMap((step) => [
      [`${name}-${step}.cdiff`, { ...described(`${name} ${step}`), size: 81_234 }] as const,
      [`${name}-${step}.cdiff.sign`, { ...described(`${name} ${step} sign`), size: 9012 }] as const,
    ]),
    ...[1, 2, 3].map(
      (back) => [`archive/${name}-${version - back}.cvd`, { ...described(`${back}`), size }] as const,
    ),
  ]);
  return manifestOf(databases, Object.fromEntries(names), {
    checked,
    published: ago(checkedAgo + HOUR),
    built: databases.daily.built,
    proof: {
      passed: true,
      started: ago(checkedAgo + HOUR + MINUTE),
      duration: 93.4,
      databases: { main: 63, daily: 28_001, bytecode: 339 },
      engines: [
        { name: 'docker.io/clamav/clamav:1.5.4', version: '1.5.4', fLevel: 230 },
        { name: 'docker.io/clamav/clamav:1.4', version: '1.4.6', fLevel: 216 },
      ],
      results: ['docker.io/clamav/clamav:1.5.4', 'docker.io/clamav/clamav:1.4'].flatMap((engine) =>
        SCENARIOS.map(([scenario, evidence], at) => ({
          ...{ engine, scenario, evidence, duration: 1.3 * (at + 1) },
          result: at === SCENARIOS.length - 1 ? ('skipped' as const) : ('passed' as const),
        })),
      ),
    },
    ...change,
  });
}

const SCENARIOS = [
  ['a client with an empty folder downloads everything', 'main.cvd 63, daily.cvd 28001, bytecode.cvd 339'],
  ['a client that has the published version updates by CDIFFs', 'daily.cld 28001 from 28000'],
  ['a client that is five versions behind updates by CDIFFs', 'daily.cld 28001 from 27996'],
  ['a PrivateMirror client takes whole CVDs', 'daily.cvd 28001'],
  ['clamscan finds EICAR and passes clean samples', 'eicar.com Eicar-Test-Signature FOUND, 7 samples OK'],
  ['clamd reloads the new databases while it scans', 'reloaded in 11.2 s, 8728846 signatures'],
  ['a client with FIPS limits verifies the .sign files', 'skipped: this engine has no FIPS limits'],
] as const;

/** The same with this allow list. */
export function allowing(allowed: Extras['allowed']): Manifest {
  return production(undefined, { extras: { files: {}, allowed, retired: [] } });
}

/** A cycle so long ago. */
export function cycleAt(past: number, change: Partial<CycleFacts> = {}): CycleFacts {
  return {
    at: ago(past),
    ...{ outcome: 'unchanged', seconds: 1.4, proofSeconds: undefined, upstreamBytes: 1566 },
    ...{ problems: [], published: [] },
    ...change,
  };
}

/** Ninety days of cycles, which publish a daily each day and the others now and then. */
export function ninetyDays(manifest: Manifest, days = 90): History {
  let history = NO_HISTORY;
  for (let back = days - 1; back >= 0; back--) {
    const at = back * DAY + 2 * HOUR;
    const version = 28_001 - back;
    const wave = Math.round(9000 * Math.sin(back / 9)) - 700 * back - (back > 40 ? 60_000 : 0);
    const daily = {
      ...manifest.databases.daily,
      version,
      signatures: 2_081_339 + wave,
    } as Manifest['databases'][string];
    const main = {
      ...manifest.databases.main,
      signatures: back > 40 ? 6_580_000 : 6_647_427,
    } as Manifest['databases'][string];
    const then = {
      ...manifest,
      published: ago(at),
      databases: {
        ...manifest.databases,
        main: { ...main, built: ago(at + 30 * HOUR) },
        daily: { ...daily, built: ago(at + (4 + (back % 7)) * HOUR) },
      },
    };
    const published = [
      {
        database: 'daily',
        from: version - 1,
        to: version,
        how: 'rebuilt' as const,
        upstreamBytes: 60_000 + 9000 * (back % 5),
      },
      ...(back === 40
        ? [{ database: 'main', from: 62, to: 63, how: 'downloaded' as const, upstreamBytes: 89_128_960 }]
        : []),
    ];
    const failed = back % 17 === 5;
    history = withCycle(
      history,
      cycleAt(
        at + 5 * HOUR,
        failed
          ? {
              outcome: 'failed',
              problems: [{ database: 'daily', code: 'upstream/unreachable', reason: undefined }],
            }
          : {},
      ),
      then,
      new Date(ago(at + 5 * HOUR)),
    );
    history = withCycle(
      history,
      cycleAt(at, {
        ...{
          outcome: 'published',
          seconds: 110 + 7 * (back % 11),
          proofSeconds: 88 + 5 * (back % 11),
          published,
        },
        upstreamBytes: published.reduce((sum, one) => sum + one.upstreamBytes, 0),
      }),
      then,
      new Date(ago(at)),
    );
  }
  const changes = settled(history, new Map()).changes.map((one, at) => {
    return at % 3 === 0
      ? one
      : { ...one, lines: { added: 17 * at, removed: at, exchanged: 0, steps: at % 3 } };
  });
  return { ...history, changes };
}

/** Everything that a status is made of, of a mirror that is well. */
export function wellFacts(change: Partial<StatusFacts> = {}): StatusFacts {
  const manifest = change.manifest ?? production();
  const history = change.history ?? withCycle(ninetyDays(manifest), cycleAt(4 * MINUTE), manifest, NOW);
  return {
    now: NOW,
    ...{ manifest, history, problems: [], quarantine: {}, coolDown: undefined },
    publicUrl: 'https://clamav.example',
    ...change,
  };
}
