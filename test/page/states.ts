import { NO_HISTORY } from '../../scripts/page/history.ts';
import { withCycle } from '../../scripts/page/record.ts';
import type { StatusFacts } from '../../scripts/page/status.ts';
import { allowedEntry, extraRecord, extrasOf } from '../mirror/extras.ts';
import { databaseRecord } from '../store/support.ts';
import { ago, cycleAt, NOW, ninetyDays, production, wellFacts } from './facts.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Words of somebody who wants more than to be read. */
export const EVIL =
  '"><img src=x onerror=alert(1)><script>alert(1)</script>`$`\u202e\u0000\n</title></style>';

/** Every state that a page can show, by name. */
export const STATES: Readonly<Record<string, StatusFacts>> = {
  'first run': firstRun(),
  well: wellFacts(),
  ageing: told({ manifest: production(25 * HOUR), problems: failed('upstream/unreachable') }, 'failed'),
  stale: told({ manifest: production(3 * DAY), problems: failed('engine/missing') }, 'failed'),
  failing: told({ problems: failed('engine/missing') }, 'failed'),
  refused: told(
    {
      problems: [
        {
          database: 'daily',
          code: 'proof/failed',
          reason:
            'clamd 1.4.6 does not load daily 28002: LibClamAV Error: cli_loadldb: invalid subsignature in Win.Trojan.Agent',
        },
      ],
      quarantine: {
        daily: {
          ...{ version: 28_002, code: 'proof/failed', since: ago(4 * MINUTE), until: ago(-DAY) },
          reason: 'clamd 1.4.6 does not load daily 28002: LibClamAV Error: cli_loadldb: invalid subsignature',
        },
      },
    },
    'refused',
  ),
  waiting: told(
    {
      problems: [
        {
          database: 'daily',
          code: 'proof/waiting',
          reason: `daily 28002 has 48% fewer signatures; genuine, but unusual: it waits until ${ago(-20 * HOUR)}`,
        },
      ],
    },
    'refused',
  ),
  pinned: told({ manifest: pinned('false alarms on our own installers, ticket 4711') }),
  'cooling down': told(
    {
      problems: failed('upstream/cool-down'),
      coolDown: { since: ago(HOUR), until: ago(-5 * HOUR), reason: 'HTTP 429 for daily.cvd' },
    },
    'failed',
  ),
  'with extras': told({
    manifest: production(4 * MINUTE, {
      extras: extrasOf(
        { 'local.ign2': { ...extraRecord(''), source: 'allow list' }, 'own.ndb': extraRecord('own') },
        [allowedEntry('Win.Trojan.Agent-1', { until: ago(-DAY) })],
      ),
    }),
    failingExtras: [{ name: 'own.ndb', code: 'extra/gone', reason: undefined }],
  }),
  hostile: hostile(),
};

function failed(code: string): StatusFacts['problems'] {
  return [{ database: undefined, code, reason: undefined }];
}

function told(
  change: Partial<StatusFacts>,
  outcome: 'unchanged' | 'refused' | 'failed' = 'unchanged',
): StatusFacts {
  const { manifest = production(), problems = [] } = change;
  const cycle = cycleAt(4 * MINUTE, { outcome, problems });
  return wellFacts({ manifest, ...change, history: withCycle(ninetyDays(manifest), cycle, manifest, NOW) });
}

function firstRun(): StatusFacts {
  const manifest = production();
  const published = Object.entries(manifest.databases).map(([database, { version, size }]) => ({
    ...{ database, from: null, to: version, how: 'downloaded' as const, upstreamBytes: size },
  }));
  const cycle = cycleAt(4 * MINUTE, { outcome: 'published', seconds: 312, proofSeconds: 93.4, published });
  return wellFacts({
    manifest,
    publicUrl: undefined,
    history: withCycle(NO_HISTORY, cycle, manifest, NOW),
  });
}

function pinned(reason: string) {
  const manifest = production();
  const daily = { ...databaseRecord(1), ...manifest.databases.daily, version: 27_990 };
  const held = { since: ago(3 * DAY), reason };
  return { ...manifest, databases: { ...manifest.databases, daily: { ...daily, held } } };
}

function hostile(): StatusFacts {
  const manifest = pinned(EVIL.repeat(20));
  return told(
    {
      manifest: {
        ...manifest,
        extras: extrasOf({ 'own.ndb': { ...extraRecord('own'), source: EVIL.repeat(9) } }, [
          allowedEntry('<b>', { reason: EVIL.repeat(9) }),
        ]),
        proof: {
          ...manifest.proof,
          databases: { [EVIL]: 1 },
          accepted: { reason: EVIL, findings: [EVIL] },
          engines: [{ name: EVIL, version: EVIL }],
          results: [
            { engine: EVIL, scenario: EVIL, result: 'failed', evidence: 'x'.repeat(2000), duration: 1 },
          ],
        },
      },
      problems: [{ database: 'daily', code: EVIL, reason: EVIL }],
      failingExtras: [{ name: EVIL, code: 'proof/failed', reason: EVIL.repeat(20) }],
      quarantine: {
        daily: { version: 1, reason: 'long'.repeat(100), code: EVIL, since: ago(HOUR), until: null },
      },
      coolDown: { until: ago(-HOUR), reason: EVIL },
    },
    'refused',
  );
}
