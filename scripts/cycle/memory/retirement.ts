import * as v from 'valibot';
import { isWithin } from '../../base/clock.ts';
import { FORGOTTEN_MS, STATE_CHARACTERS, WAITING_KINDS } from '../../base/limits/machine.ts';
import { printable } from '../../base/printable.ts';
import type { Survey } from '../database.ts';
import type { Finding, Step } from '../gate/plausibility.ts';
import { FAMILY } from '../gate/plausibility.ts';
import { RefusalError, WaitingError } from '../gate/refusal.ts';

const DAY = 24 * 60 * 60_000;
/** So long the unusual waits, and is told of, before the proof alone decides. Milliseconds. */
export const WAIT_MS = DAY;

const Time = v.pipe(v.string(), v.isoTimestamp());
const Kind = v.pipe(
  v.string(),
  v.transform((text) => printable(text).slice(0, STATE_CHARACTERS.kind)),
);
const KindSchema = v.object({
  since: Time,
  /** Time at which it was found last. */
  seen: Time,
  /** The published version that it is unusual beside: beside another one, it begins anew. */
  beside: v.number(),
});

/** Unusual kinds of change of the versions of a database that wait. */
export const WaitSchema = v.pipe(
  v.record(Kind, KindSchema),
  v.check((kinds) => Object.keys(kinds).length <= WAITING_KINDS),
);
export type Wait = v.InferOutput<typeof WaitSchema>;

/** Remembers between runs what waits, by database. */
export interface WaitMemory {
  of(database: string): Wait | undefined;
  /** `undefined` forgets it. */
  set(database: string, wait: Wait | undefined): Promise<void>;
}

/**
 * Holds back a version that was found to be unusual; `undefined`: it is to be proven now. It is genuine,
 * and may be right: Talos retires half of all signatures at once, or makes twice as many. So it waits for a day since a
 * version of this database was first seen with what is found now, in which people are told. A later version does not begin
 * anew with that, nor does main where daily waits for having become less, or the other way round.
 *
 * Without `memory` nothing can wait, and it is refused; so it is for a version that goes back, and for a fall of the
 * signatures beyond a share that somebody has set.
 */
export async function waitFor(
  step: Step,
  findings: readonly Finding[],
  parts: {
    readonly memory: WaitMemory | undefined;
    readonly now: Date;
    readonly maxSignatureDrop: number | undefined;
  },
): Promise<RefusalError | undefined> {
  if (findings.length === 0) return undefined;
  const { memory, now, maxSignatureDrop } = parts;
  const said = findings.map(({ what }) => what).join('; ');
  const isDecided = ({ kind, isDrop }: Finding) =>
    kind === 'back' || (isDrop === true && maxSignatureDrop !== undefined);
  if (memory === undefined || findings.some(isDecided)) return implausible(said);
  const wait = Object.fromEntries(
    findings.slice(0, WAITING_KINDS).map(({ kind }) => {
      const since = sinceOf(kind, step, memory, now) ?? now.toISOString();
      return [kind, { since, seen: now.toISOString(), beside: step.published?.version ?? 0 }] as const;
    }),
  );
  const earlier = Object.entries(memory.of(step.database) ?? {}).filter(
    ([, { seen, beside }]) => beside === step.published?.version && isWithin(seen, FORGOTTEN_MS, now),
  );
  await memory.set(
    step.database,
    Object.fromEntries([...Object.entries(wait), ...earlier].reverse().slice(-WAITING_KINDS)),
  );
  const over = Math.max(...Object.values(wait).map(({ since }) => Date.parse(since))) + WAIT_MS;
  if (over <= now.getTime()) return undefined;
  const until = new Date(over).toISOString();
  const advice =
    'Then it is taken if it is proven. If it is as it should be, take it now: run sync with --accept and the reason, ' +
    'which is recorded; if it is not, tell the ClamAV team';
  return new WaitingError(`${said}; genuine, but unusual: it waits until ${until}`, { until, advice });
}

/** Forgets the wait of a version that upstream has withdrawn: a later one begins anew. */
export async function forgetWithdrawn(
  surveys: readonly Pick<Survey, 'database' | 'advertisement' | 'error'>[],
  memory: WaitMemory,
): Promise<void> {
  for (const { database, advertisement, error } of surveys) {
    if (!advertisement.isNew && error === undefined) await memory.set(database, undefined);
  }
}

/** Refuses a version that looks implausible, unless somebody decides to take it. */
export function implausible(said: string): RefusalError {
  return new RefusalError('proof/implausible', said, {
    advice: 'If that is as it should be, run sync with --accept and the reason, which is recorded',
  });
}

/** Since when this kind is known: of the database itself, or of another one where less of both is one event. */
function sinceOf(
  kind: string,
  { database, published }: Step,
  memory: WaitMemory,
  now: Date,
): string | undefined {
  const own = memory.of(database)?.[kind];
  const isKnown = own?.beside === published?.version && isWithin(own?.seen, FORGOTTEN_MS, now);
  if (own !== undefined && isKnown && Date.parse(own.since) <= now.getTime()) return own.since;
  if (kind !== 'fewer' || !FAMILY.includes(database)) return undefined;
  return FAMILY.flatMap((other) => memory.of(other)?.[kind] ?? [])
    .filter(({ since }) => isWithin(since, WAIT_MS, now))
    .map(({ since }) => since)
    .sort()[0];
}
