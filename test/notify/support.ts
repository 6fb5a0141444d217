import { openGitHub } from '../../scripts/notify/github/github.ts';
import { mirrorId } from '../../scripts/notify/mirror-id.ts';
import { type Notified, type NotifyContext, notify } from '../../scripts/notify/notify.ts';
import type { Failure, FailureClass, RunReport } from '../../scripts/notify/run-report.ts';
import type { RunInfo } from '../../scripts/notify/settings.ts';
import { notifySettings } from '../../scripts/settings/github.ts';
import type { FakeGitHub } from '../support/github/api.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-03-01T10:00:00Z');

export interface Notifier {
  /** As the environment of its next run; each run has a number of its own. */
  tell(report: RunReport | undefined, results?: NotifyContext['results']): Promise<Notified>;
  readonly lines: string[];
}

/** A clock that stands until it is told to go on. */
export class Clock {
  time = START;
  now = (): Date => new Date(this.time);
  pass({ days = 0, hours = 0, minutes = 0 }: { days?: number; hours?: number; minutes?: number }): void {
    this.time += ((days * 24 + hours) * 60 + minutes) * MINUTE;
  }
}

/** One run after the other of a mirror's workflow, each telling its report to GitHub; `timeout` is of a request. */
export function startNotifier(
  github: FakeGitHub,
  clock: Clock,
  variables: Record<string, string> = {},
  timeout = 30_000,
): Notifier {
  const lines: string[] = [];
  const add = (line: string) => void lines.push(line);
  let id = 1000;
  return {
    lines,
    tell(report, results = {}) {
      const settings = notifySettings({ ...environment(github, String(id++)), ...variables });
      const client = openGitHub(settings.github, { timeout, pause: 1, longestWait: 3_000 });
      const log = { info: add, warn: add, progress() {} };
      return notify(report, { ...settings, github: client, results, now: clock.now, log });
    },
  };
}

export function environment(
  github: Pick<FakeGitHub, 'url' | 'slug' | 'token'>,
  id = '1000',
): Record<string, string> {
  return {
    GITHUB_API_URL: github.url,
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: github.slug,
    GITHUB_RUN_ID: id,
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_WORKFLOW_REF: `${github.slug}/.github/workflows/mirror.yml@refs/heads/main`,
    CLAMAV_MIRROR_GITHUB_TOKEN: github.token,
  };
}

/** Of the environment below, which names no mirror. */
export const MIRROR = mirrorId({});

export const RUN: RunInfo = {
  id: 1000,
  attempt: 1,
  url: 'https://github.com/acme/mirror/actions/runs/1000/attempts/1',
  workflow: 'mirror.yml',
};

export function failure(failed: FailureClass, more: Partial<Failure> = {}): Failure {
  const code = failed === 'integrity' ? 'verify/signature' : `${failed}/broken`;
  return { class: failed, code, what: `daily.cvd: ${failed} is broken`, log: ['first', 'last'], ...more };
}

export function reportOf(failures: Failure[], recovered: FailureClass[] = []): RunReport {
  return {
    failures,
    recovered,
    serving: {
      versions: { main: 62, daily: 28000 },
      checked: '2026-03-01T09:00:00.000Z',
      published: '2026-02-28T20:00:00.000Z',
      url: 'https://mirror.example/clamav',
    },
    upstream: { main: 62, daily: 28001 },
    at: '2026-03-01T10:00:00.000Z',
  };
}

export const failing = (...classes: FailureClass[]): RunReport =>
  reportOf(classes.map((one) => failure(one)));
export const well = (...classes: FailureClass[]): RunReport => reportOf([], classes);
