import { CHECK_MS } from '../base/limits/doctor.ts';
import { askUpstream } from './ask-upstream.ts';
import type { Check, DoctorContext } from './context.ts';
import { bad, badBy, type Finding, isBad, type Seen } from './finding.ts';
import { TestFolders } from './test-folders.ts';

export interface DoctorReport {
  readonly verdict: 'good' | 'failed';
  readonly findings: readonly Finding[];
  /** True if a check that ran out of time may still be under way. */
  readonly unfinished: boolean;
}

/** Runs all checks at once. No check waits for another or hides it, and test files are removed. */
export async function examine(
  checks: readonly Check[],
  given: Omit<DoctorContext, 'testFolders' | 'askUpstream'>,
): Promise<DoctorReport> {
  await using testFolders = new TestFolders();
  const asked = new Map<string, ReturnType<typeof askUpstream>>();
  const context: DoctorContext = {
    ...given,
    testFolders,
    askUpstream: (url = given.settings.sync.upstreams[0] ?? '') => {
      const asking = asked.get(url) ?? askUpstream(url, { ...given, testFolders });
      asked.set(url, asking);
      return asking;
    },
  };
  const results = await Promise.all(checks.map(async (check) => await within(check, context)));
  const findings = results.map(({ name, seen }) => ({ check: name, ...seen }));
  return {
    verdict: findings.some(isBad) ? 'failed' : 'good',
    findings,
    unfinished: results.some(({ isLate }) => isLate),
  };
}

interface Result {
  readonly name: string;
  readonly seen: Seen;
  readonly isLate: boolean;
}

async function within({ name, timeout = CHECK_MS, run }: Check, context: DoctorContext): Promise<Result> {
  const end = new AbortController();
  const late = Promise.withResolvers<Result>();
  const timer = setTimeout(() => {
    late.resolve({ name, seen: bad(`no end after ${timeout / 1000} s`, LATE_ADVICE), isLate: true });
    end.abort();
  }, timeout);
  const looked = async (): Promise<Result> => {
    const seen = await run(context, end.signal).catch((error) => badBy(error));
    return { name, seen, isLate: false };
  };
  try {
    return await Promise.race([looked(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const LATE_ADVICE =
  'Run this again when the machine is less busy. If that does not help, find out what does not answer';
