import { codeOf, explain } from '../base/errors.ts';
import type { Published } from '../mirror/published.ts';
import { signTroubleOf } from '../mirror/signs/sign-error.ts';
import type { Proof } from '../proof/record.ts';
import { VerifyError } from '../verify/error.ts';
import type { Brought, Look } from './acquire.ts';
import { RefusalError } from './gate/refusal.ts';

/** `proven`: it would have been published, and this was a dry run. */
export type Outcome = 'published' | 'proven' | 'unchanged' | 'refused' | 'failed';

/** How one database fared in a cycle. */
export interface DatabaseReport {
  readonly outcome: Outcome;
  /** The version that was published before; `null` for none. */
  readonly from: number | null;
  /** The version that is published now. */
  readonly to: number | null;
  readonly how: 'downloaded' | 'rebuilt' | 'rolled back' | 'unchanged';
  /** The version that upstream offered, if it was another one. */
  readonly offered?: number;
  /** Bytes of bodies taken from upstream. */
  readonly upstreamBytes: number;
  /** Why a new version was downloaded whole. */
  readonly because?: string;
  /** Why it was refused or failed, in a sentence, and the error's code. */
  readonly reason?: string;
  readonly code?: string;
  /** What is worth knowing though nothing failed. */
  readonly notes: readonly string[];
}

/** A cycle without what the clock says of it. */
export type Story = Omit<CycleReport, 'duration' | 'times'>;

/** What `sync --json` prints: one cycle. */
export interface CycleReport {
  readonly outcome: Outcome;
  readonly databases: Readonly<Record<string, DatabaseReport>>;
  readonly proof: Proof | null;
  readonly upstreamBytes: number;
  /** Seconds. */
  readonly duration: number;
  /** Seconds of its parts, as far as it came: `look`, `bring`, `prove`, `publish`. */
  readonly times: Readonly<Record<string, number>>;
  /** What ended the cycle as a whole, if something did. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** What kept the news of a cycle from being published. */
export interface End {
  readonly outcome: 'refused' | 'failed';
  readonly reason: string;
  readonly code: string;
}

/** True for an error that blames what was offered. Everything else is a trouble that may pass. */
export function isRefusal(error: unknown): boolean {
  return error instanceof VerifyError || error instanceof RefusalError;
}

export function endedBy(error: unknown): End {
  const outcome = isRefusal(error) ? 'refused' : 'failed';
  return { outcome, reason: explain(error), code: codeOf(error) ?? 'unexpected' };
}

/** A look that leads to no work, as what it brings. */
export function nothingBrought({ database, published, trouble, held }: Look): Brought {
  return { database, record: published, how: 'unchanged', news: false, trouble: trouble ?? held };
}

/** The report of a cycle; `end` tells what befell the news, if they were not published. */
export function summarize(story: {
  looks: readonly Look[];
  brought: readonly Brought[];
  published: Published;
  proof: Proof | null;
  end: End | undefined;
  dryRun?: boolean;
  now: Date;
}): Story {
  const reports = story.looks.map((seen) => {
    const brought = story.brought.find(({ database }) => database === seen.database) ?? nothingBrought(seen);
    const from = story.published.manifest?.databases[seen.database]?.version ?? null;
    const report = reportOf(seen, brought, { from, end: story.end, now: story.now });
    return [seen.database, story.dryRun === true ? unpublished(report) : report] as const;
  });
  return {
    outcome: worst(reports.map(([, { outcome }]) => outcome)),
    databases: Object.fromEntries(reports),
    proof: story.proof,
    upstreamBytes: reports.reduce((sum, [, { upstreamBytes }]) => sum + upstreamBytes, 0),
  };
}

/** What several turns of one run came to. */
export function together(stories: readonly Story[]): Story {
  return {
    outcome: worst(stories.map(({ outcome }) => outcome)),
    databases: Object.assign({}, ...stories.map(({ databases }) => databases)),
    proof: stories.findLast(({ proof }) => proof !== null)?.proof ?? null,
    upstreamBytes: stories.reduce((sum, { upstreamBytes }) => sum + upstreamBytes, 0),
  };
}

function reportOf(
  seen: Look,
  brought: Brought,
  { from, end, now }: { from: number | null; end: End | undefined; now: Date },
): DatabaseReport {
  const { advertisement } = seen;
  const offered = advertisement.news ? { offered: advertisement.offer.header.version } : {};
  // told with each publication; between them, `status` and `watch` tell
  const news = brought.news && end === undefined ? brought.record : undefined;
  const sign = news && signTroubleOf(seen.database, news, now)?.what;
  const notes = [seen.note, advertisement.note, sign].filter((note) => note !== undefined);
  const upstreamBytes = seen.client.received;
  const kept = { from, to: from, how: 'unchanged', upstreamBytes, notes, ...offered } as const;
  const because = brought.because === undefined ? {} : { because: brought.because };
  const trouble = brought.trouble ?? seen.held;
  if (trouble !== undefined) return { ...kept, ...endedBy(trouble) };
  if (!brought.news) return { outcome: 'unchanged', ...kept };
  if (end !== undefined) return { ...kept, ...end };
  return {
    outcome: 'published',
    from,
    to: brought.record?.version ?? null,
    how: brought.how,
    ...because,
    upstreamBytes,
    notes,
  };
}

/** What a dry run says of what it would have published. */
function unpublished(report: DatabaseReport): DatabaseReport {
  const { outcome, from, to } = report;
  if (outcome !== 'published') return report;
  return { ...report, outcome: 'proven', to: from, ...(to !== null && { offered: to }) };
}

/** A cycle is as good as its worst part: something refused weighs more than something that failed and may pass. */
function worst(outcomes: readonly Outcome[]): Outcome {
  const order: readonly Outcome[] = ['refused', 'failed', 'published', 'proven', 'unchanged'];
  return order.find((outcome) => outcomes.includes(outcome)) ?? 'unchanged';
}
