import type { Address } from '../channels/address.ts';
import type { Message } from '../channels/message.ts';
import type { Sending } from '../channels/post.ts';
import { send } from '../channels/send.ts';
import { failuresOf, type JobResult } from '../failures.ts';
import type { EarlierRuns } from '../patience.ts';
import { hasFailed, type RunReport } from '../run-report.ts';
import type { Memory, Runs } from './memory.ts';
import { type Kept, type News, newsFor } from './news.ts';
import { type Sender, test } from './texts.ts';

/** Everything that the alerts of one run are sent with. */
export interface AlertContext {
  readonly addresses: readonly Address[];
  readonly sender: Omit<Sender, 'report' | 'at'>;
  /** Runs in a row that must fail before a failure is told that may pass by itself. */
  readonly patience: number;
  /** Results of jobs that reported no failure. */
  readonly results: Readonly<Record<string, JobResult>>;
  /** Name of this run, and of the command whose runs are counted. */
  readonly run: string;
  readonly command: string;
  /** GitHub's record of earlier runs, where there is one: it counts more than the memory. */
  readonly earlier?: EarlierRuns | undefined;
  /** Codes of failures that this command cannot decide on. */
  readonly undecided?: readonly string[];
  readonly tellsPublications: boolean;
  readonly sending: Sending;
}

export interface AlertsTold {
  /** Memory for the next run. */
  readonly memory: Memory;
  /** One line for each receiver that did not take something. No line holds anything of an address but its kind. */
  readonly warnings: readonly string[];
  /** Number of messages that were taken. */
  readonly taken: number;
}

/** Tells the receivers what became of a run, all at once, until the signal ends it. Never throws. */
export async function tellAlerts(
  report: RunReport | undefined,
  memory: Memory,
  context: AlertContext,
): Promise<AlertsTold> {
  const { addresses, run, command, results, sending } = context;
  const failures = failuresOf(report, results);
  const sender: Sender = { ...context.sender, report, at: sending.now() };
  const { mirror } = sender;
  const counted = memory.runs.find((one) => one.mirror === mirror && one.of === command);
  const situation = {
    ...context,
    failures,
    recovered: new Set((report?.recovered ?? []).filter((one) => failures.every((it) => it.class !== one))),
    undecided: [...(report?.undecided ?? []), ...(context.undecided ?? [])],
    earlier: context.earlier ?? earlierOf(counted, run),
  };
  const told = await Promise.all(
    addresses.map(async (address) => {
      const news = newsFor(address, memory, situation, sender);
      return { address, ...(await tell(news, address, sending)) };
    }),
  );
  const ours = new Set(addresses.map(({ id }) => id));
  const others = memory.told.filter((one) => one.mirror !== mirror || !ours.has(one.receiver));
  const otherVersions = memory.published.filter((one) => one.mirror !== mirror || !ours.has(one.receiver));
  const kept = told.flatMap((one) => one.kept);
  return {
    memory: {
      told: [...others, ...kept.flatMap(({ told }) => told ?? [])],
      published: [...otherVersions, ...kept.flatMap(({ published }) => published ?? [])],
      runs: [
        ...memory.runs.filter((one) => one !== counted),
        next(counted ?? { mirror, of: command, failed: 0, run: '' }, run, hasFailed(failures)),
      ],
    },
    warnings: told.flatMap(({ address, why }, at) => (why === undefined ? [] : [untold(at, address, why)])),
    taken: told.reduce((sum, { taken }) => sum + taken, 0),
  };
}

/** Sends a test to each receiver. Returns for each why it was not taken, or `undefined`. */
export async function testAlerts(
  addresses: readonly Address[],
  sender: Omit<Sender, 'report' | 'at'>,
  sending: Sending,
): Promise<readonly (string | undefined)[]> {
  const message = test({ ...sender, report: undefined, at: sending.now() });
  return await Promise.all(addresses.map((address) => whyNot(message, address, sending)));
}

/** Tells one receiver its news, one after another. After one that it did not take it is left alone. */
async function tell(
  news: readonly News[],
  address: Address,
  sending: Sending,
): Promise<{ readonly kept: readonly Kept[]; readonly taken: number; readonly why: string | undefined }> {
  const kept: Kept[] = [];
  let [taken, why]: [number, string | undefined] = [0, undefined];
  for (const { message, said, unsaid } of news) {
    if (message !== undefined) {
      why ??= await whyNot(message, address, sending);
      if (why === undefined) taken++;
    }
    kept.push(message === undefined || why === undefined ? said : unsaid);
  }
  return { kept, taken, why };
}

async function whyNot(message: Message, address: Address, sending: Sending): Promise<string | undefined> {
  try {
    await send(message, address, sending);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'the message could not be sent';
  }
}

function untold(at: number, { kind }: Address, why: string): string {
  return `alert ${at + 1} (${kind}) was not told: ${why}. The next run tries again`;
}

/** Runs before this one. Without any memory of them nobody has to wait. */
function earlierOf(counted: Runs | undefined, run: string): EarlierRuns | undefined {
  if (counted === undefined) return undefined;
  const failed = counted.run === run ? counted.failed - 1 : counted.failed;
  return { failed: Math.max(0, failed), lastGood: undefined };
}

function next(counted: Runs, run: string, isFailed: boolean): Runs {
  if (!isFailed) return { ...counted, failed: 0, run: '' };
  return { ...counted, failed: counted.run === run ? counted.failed : counted.failed + 1, run };
}
