import type { CycleSettings } from '../cycle/settings.ts';
import type { GitHubSettings } from '../notify/settings.ts';

/** A repository at GitHub that a mirror runs in. */
export interface DoctorGitHub {
  readonly settings: GitHubSettings;
  /** The file of the workflow that syncs. */
  readonly workflow: string;
  /** True if this job writes issues. */
  readonly writesIssues: boolean;
}

/** A settings file that was read. */
export interface DoctorFile {
  readonly path: string;
  /** Number of options that count. */
  readonly options: number;
  /** Names of its secrets, if other accounts of the machine can read them. */
  readonly exposed: readonly string[];
}

/** Validated settings of doctor. */
export interface DoctorSettings {
  readonly file: DoctorFile | undefined;
  readonly sync: CycleSettings;
  /** Repository to check, or the reason why there is none. */
  readonly github: DoctorGitHub | string;
  /** Paths of files with certificates, by the setting that names each. */
  readonly certificates: Readonly<Record<string, string>>;
  /** Kinds of the addresses for alerts, or the error that they make. */
  readonly alerts: readonly string[] | Error;
  /** Marks of the table: signs such as `✓`, or words. */
  readonly marks: 'signs' | 'plain';
}
