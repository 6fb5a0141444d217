import type { StatsReport } from './report/report.ts';

/** What the thread sends: a report, or an error. */
export type FromThread =
  | { readonly report: StatsReport }
  | {
      readonly failure: {
        readonly code: string | undefined;
        readonly message: string;
        readonly advice: string | undefined;
      };
    };
