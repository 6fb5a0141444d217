import { codeOf, explain } from '../base/errors.ts';
import type { Published } from '../mirror/published.ts';
import { signProblemOf } from '../mirror/signs/sign-problem.ts';
import type { Proof } from '../proof/record.ts';
import { VerifyError } from '../verify/error.ts';
import type { AdoptionReport } from './adopt/adoption.ts';
import { asPublished, bytesFor, type How, type Survey, type Update } from './database.ts';
import type { ExtrasReport } from './extras/report.ts';
import { RefusalError } from './gate/refusal.ts';

/** `proven`: it would have been published, and this was a dry run. */
export type Outcome = 'published' | 'proven' | 'unchanged' | 'refused' | 'failed';

/** Outcome of a cycle for one database. */
export interface DatabaseReport {
  readonly outcome: Outcome;
  /** The version that was published before; `null` for none. */
  readonly from: number | null;
  /** The version that is published now. */
  readonly to: number | null;
  readonly how: How;
  /** The version that upstream offered, if it was another one. */
  readonly offered?: number;
  /** Bytes of bodies taken from upstream. */
  readonly upstreamBytes: number;
  /** URL of the upstream that served it, or was to serve it. */
  readonly upstream?: string;
  /** Other upstreams that were asked, and why they did not serve it. */
  readonly passedOver?: readonly {
    readonly upstream: string;
    readonly code: string;
    readonly reason: string;
  }[];
  /** Reason why a new version was downloaded whole. */
  readonly because?: string;
  /** Reason why it was refused or failed, in a sentence, and the error's code. */
  readonly reason?: string;
  readonly code?: string;
  /** Facts worth knowing though nothing failed. */
  readonly notes: readonly string[];
}

/** Report of one cycle, as `sync --json` prints it. */
export interface CycleReport {
  readonly outcome: Outcome;
  readonly databases: Readonly<Record<string, DatabaseReport>>;
  readonly proof: Proof | null;
  readonly upstreamBytes: number;
  /** Seconds. */
  readonly duration: number;
  /** Seconds of each step, as far as it came: `survey`, `acquire`, `prove`, `publish`, `read back`. */
  readonly times: Readonly<Record<string, number>>;
  /** What became of each file of the folder that `--adopt` names. */
  readonly adoption?: AdoptionReport;
  /** Each extra; absent for a mirror without any. They change no outcome: that of a cycle is the databases'. */
  readonly extras?: ExtrasReport;
  /** Error that ended the cycle as a whole. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** Reason why the updates of a cycle were not published. */
export interface End {
  readonly outcome: 'refused' | 'failed';
  readonly reason: string;
  readonly code: string;
}

/** True for an error that blames what was offered. Every other error may pass. */
export function isRefusal(error: unknown): boolean {
  return error instanceof VerifyError || error instanceof RefusalError;
}

export function endedBy(error: unknown): End {
  const outcome = isRefusal(error) ? 'refused' : 'failed';
  return { outcome, reason: explain(error), code: codeOf(error) ?? 'unexpected' };
}

/** Reports each database of a turn; `end` tells why its updates were not published. */
export function databaseReports(turn: {
  readonly surveys: readonly Survey[];
  readonly updates: readonly Update[];
  readonly published: Published;
  readonly end: End | undefined;
  readonly isDry: boolean;
  readonly now: Date;
}): Record<string, DatabaseReport> {
  const { surveys, updates, published, end, isDry, now } = turn;
  const reports = surveys.map((survey) => {
    const { database } = survey;
    const update = updates.find((one) => one.database === database) ?? asPublished(survey);
    const from = published.manifest?.databases[database]?.version ?? null;
    const report = reportOf(survey, update, { from, end, now });
    return [database, isDry ? unpublished(report) : report] as const;
  });
  return Object.fromEntries(reports);
}

function reportOf(
  survey: Survey,
  update: Update,
  { from, end, now }: { from: number | null; end: End | undefined; now: Date },
): DatabaseReport {
  const { database, advertisement } = survey;
  const offered = advertisement.isNew ? { offered: advertisement.offer.header.version } : {};
  // told with each publication; between them, `status` and `watch` tell
  const published = update.isNew && end === undefined ? update.record : undefined;
  const sign = published && signProblemOf(database, published, now)?.what;
  const others = survey.passedOver?.map(({ client, code, reason }) => ({
    upstream: client.url,
    code,
    reason,
  }));
  const beside = others?.map(({ upstream, reason }) => `${upstream} was passed over: ${reason}`) ?? [];
  const notes = [survey.note, advertisement.note, sign, ...beside].filter((note) => note !== undefined);
  const source = { upstream: survey.client.url, ...(others && { passedOver: others }) };
  const taken = { upstreamBytes: bytesFor(survey), ...source, notes };
  const kept = { from, to: from, how: 'unchanged', ...taken, ...offered } as const;
  const error = update.error ?? survey.quarantined;
  if (error !== undefined) return { ...kept, ...endedBy(error) };
  if (!update.isNew) return { outcome: 'unchanged', ...kept };
  if (end !== undefined) return { ...kept, ...end };
  return {
    outcome: 'published',
    from,
    to: update.record?.version ?? null,
    how: update.how,
    ...(update.because !== undefined && { because: update.because }),
    ...taken,
  };
}

/**
 * Report of a database that took two turns of one run: from an adopted folder, and from upstream. What was adopted stays
 * published, whatever became of the second.
 */
export function afterAdoption(adopted: DatabaseReport | undefined, report: DatabaseReport): DatabaseReport {
  if (adopted === undefined) return report;
  const { outcome, offered, from, how, reason } = adopted;
  if (outcome === 'published' && report.outcome === 'published') return { ...report, from };
  const notes = [...new Set([...adopted.notes, ...report.notes])];
  if (outcome === 'published') {
    const own = report.outcome === 'unchanged' ? { outcome, how } : { how };
    return { ...report, from, ...own, notes };
  }
  if (outcome !== 'refused' && outcome !== 'failed') return { ...report, notes };
  return { ...report, notes: [...notes, `version ${offered} of the adopted folder is not taken: ${reason}`] };
}

/** The report of a dry run tells what it would have published. */
function unpublished(report: DatabaseReport): DatabaseReport {
  const { outcome, from, to } = report;
  if (outcome !== 'published') return report;
  return { ...report, outcome: 'proven', to: from, ...(to !== null && { offered: to }) };
}

/** The outcome of several: something refused weighs more than something that failed and may pass. */
export function worst(outcomes: readonly Outcome[]): Outcome {
  const order: readonly Outcome[] = ['refused', 'failed', 'published', 'proven', 'unchanged'];
  return order.find((outcome) => outcomes.includes(outcome)) ?? 'unchanged';
}
