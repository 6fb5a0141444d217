import { print, printJson } from '../base/log.ts';
import type { LastRun } from '../cycle/memory/last-run.ts';
import { type StatusSettings, statusSettings } from '../settings/commands/status.ts';
import type { Given } from '../settings/read.ts';
import { readFacts } from '../status/facts.ts';
import { statusJson } from '../status/json.ts';
import { nextSteps } from '../status/next-step.ts';
import { problemsOf, verdictOf } from '../status/problems.ts';
import { statusText } from '../status/text.ts';
import { openStore } from '../store/open.ts';
import { isS3Address } from '../store/s3/address.ts';

/** Limits of the text's width, however narrow or wide the terminal is. */
const NARROWEST_COLUMNS = 60;
const WIDEST_COLUMNS = 120;

/** `clamav-mirror status`: shows the mirror at a glance. Changes nothing. */
export async function status(given: Given, json: boolean): Promise<'good' | 'failed'> {
  const settings = statusSettings(given);
  const { store, s3, work, maxAge } = settings;
  const facts = await readFacts(await openStore(store, s3), {
    work,
    isFolder: !isS3Address(store),
    now: new Date(),
  });
  const { lastRun } = facts.memory;
  const next = nextSteps({ flags: settings.flags, syncFlags: syncFlagsOf(lastRun, settings) });
  const problems = problemsOf(facts, { maxAge }, next);
  if (json) printJson(process.stdout, statusJson(facts, problems));
  else print(process.stdout, statusText(facts, problems, widthOf(process.stdout)));
  return verdictOf(problems) === 'well' ? 'good' : 'failed';
}

/** A run by hand should mirror what the last run did. */
function syncFlagsOf(lastRun: LastRun | undefined, { usual }: StatusSettings): Record<string, string> {
  const databases = lastRun?.mirrored.join(',') ?? '';
  const upstreams = lastRun?.upstreams?.join(',') ?? lastRun?.upstream;
  return {
    ...(upstreams !== undefined && upstreams !== usual.upstream && { upstream: upstreams }),
    ...(databases !== '' && databases !== usual.databases && { databases }),
  };
}

function widthOf(stream: NodeJS.WriteStream): number | undefined {
  if (!stream.isTTY || !stream.columns) return undefined;
  return Math.min(Math.max(stream.columns, NARROWEST_COLUMNS), WIDEST_COLUMNS);
}
