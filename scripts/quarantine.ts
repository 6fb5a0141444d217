import type { Brought, Look } from './bring.ts';
import { codeOf, explain } from './errors.ts';
import { RefusalError } from './refusal.ts';
import { isRefusal } from './report.ts';
import type { State } from './state.ts';
import { VerifyError } from './verify/error.ts';

/** What was not genuine may have been spoilt on its way: it is asked for again after so many milliseconds. */
const SPOILT = 12 * 60 * 60_000;

/** Holds back a version that was refused before: it is not tried again until upstream offers another one. */
export function heldBack(seen: Look, state: State, now: Date): Look {
  const { advertisement, database } = seen;
  const refused = state.quarantineOf(database);
  if (!advertisement.news || refused === undefined) return seen;
  const { version, md5 } = advertisement.offer.header;
  const isOther = refused.version !== version || refused.md5 !== md5;
  if (isOther || (refused.until !== null && Date.parse(refused.until) <= now.getTime())) return seen;
  const when = refused.until === null ? 'until upstream offers another one' : `before ${refused.until}`;
  const code = refused.code.startsWith('proof/') ? 'proof/held' : 'verify/held';
  const held = new RefusalError(code, `refused since ${refused.since}: ${refused.reason}`, {
    advice: `It is not tried again ${when}; ask for it with --retry`,
  });
  return { ...seen, held };
}

/** Remembers what this cycle refused, and forgets what passed. */
export async function remember(
  looks: readonly Look[],
  brought: readonly Brought[],
  state: State,
  now: Date,
): Promise<void> {
  for (const { database, advertisement, held } of looks) {
    if (!advertisement.news || held !== undefined) continue;
    const { trouble } = brought.find((one) => one.database === database) ?? {};
    if (trouble === undefined) await state.setQuarantine(database, undefined);
    if (!isRefusal(trouble)) continue;
    const { version, md5 } = advertisement.offer.header;
    await state.setQuarantine(database, {
      version,
      md5,
      reason: explain(trouble),
      code: codeOf(trouble) ?? 'unexpected',
      since: now.toISOString(),
      until: trouble instanceof VerifyError ? new Date(now.getTime() + SPOILT).toISOString() : null,
    });
  }
}
