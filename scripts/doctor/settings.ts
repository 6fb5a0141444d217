import type { CycleSettings } from '../cycle/settings.ts';
import type { GitHubSettings } from '../notify/settings.ts';

/** A repository at GitHub that a mirror runs in. */
export interface DoctorGitHub {
  readonly settings: GitHubSettings;
  /** The file of the workflow that syncs. */
  readonly workflow: string;
  /** Whether this job is to write issues. */
  readonly writesIssues: boolean;
}

/** What looking at a machine and at settings needs to know, validated. */
export interface DoctorSettings {
  readonly sync: CycleSettings;
  /** Or why there is nothing to ask. */
  readonly github: DoctorGitHub | string;
  /** Paths of certificates that the environment names, by variable. */
  readonly certificates: Readonly<Record<string, string>>;
  /** Whether whoever reads the table sees `✓`, or letters only. */
  readonly marks: 'signs' | 'plain';
}
