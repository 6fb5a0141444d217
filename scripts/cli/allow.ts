import { printJson, runLog } from '../base/log.ts';
import { moment } from '../base/words.ts';
import { type AllowListChange, allow as allowIt, disallow as disallowIt } from '../cycle/extras/allow.ts';
import { proofTable } from '../proof/proof-table.ts';
import { allowSettings, disallowSettings } from '../settings/allow/options.ts';
import { syncSettings } from '../settings/commands/sync.ts';
import { logSettings } from '../settings/log.ts';
import type { Given } from '../settings/read.ts';
import { cycleDeps } from '../wiring/cycle-context.ts';
import { endOnSignal } from '../wiring/on-signal.ts';

/** `clamav-mirror allow`: switches a signature off on all clients, or lets nothing be found in a file. */
export async function allow(what: string, given: Given, json: boolean): Promise<'good'> {
  const wanted = allowSettings(what, given, new Date());
  return await tell(given, json, async (settings, deps) => {
    const done = await allowIt(settings, wanted, deps);
    const { until } = done.entry;
    const end =
      until === undefined ? `until: clamav-mirror disallow ${wanted.what}` : `until ${moment(until)}`;
    return { done, line: `${wanted.what} is allowed, ${end}` };
  });
}

/** `clamav-mirror disallow`: takes an entry from the allow list. */
export async function disallow(what: string, given: Given, json: boolean): Promise<'good'> {
  const name = disallowSettings(what, given);
  return await tell(given, json, async (settings, deps) => {
    const done = await disallowIt(settings, name, deps);
    return { done, line: `${name} is not allowed any more: clients find it again after their next check` };
  });
}

type Change = (
  settings: ReturnType<typeof syncSettings>,
  deps: Awaited<ReturnType<typeof cycleDeps>>,
) => Promise<{ done: AllowListChange; line: string }>;

async function tell(given: Given, json: boolean, change: Change): Promise<'good'> {
  const settings = syncSettings(given);
  const log = runLog(process.stderr, logSettings(given));
  endOnSignal();
  const { done, line } = await change(settings, await cycleDeps(settings, log));
  const { proof, left, isIdle, entry } = done;
  for (const [name, why] of Object.entries(left))
    log.warn(`${name} does not pass with it, and is withdrawn: ${why}`);
  if (isIdle) log.warn(`no database has a signature ${entry.what} now, or ClamAV cannot switch it off`);
  if (json) {
    printJson(process.stdout, done);
    return 'good';
  }
  for (const row of proof === null ? [] : proofTable(proof).trimEnd().split('\n')) log.info(row);
  log.say(line);
  return 'good';
}
