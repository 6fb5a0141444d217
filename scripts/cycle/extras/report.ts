/** Outcome of a cycle for one extra. `proven`: it would have been published, and this was a dry run. */
export interface ExtraReport {
  readonly outcome: 'published' | 'proven' | 'unchanged' | 'retired' | 'refused' | 'failed';
  /** Reason why it was refused or failed, in a sentence, and the error's code. */
  readonly reason?: string;
  readonly code?: string;
  /** Time since when it has been failing or refused. */
  readonly since?: string;
  /** Facts worth knowing though nothing failed. */
  readonly notes?: readonly string[];
}

/** Report of all extras by name, those that are no more among them. */
export type ExtrasReport = Readonly<Record<string, ExtraReport>>;
