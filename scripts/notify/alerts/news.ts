import * as v from 'valibot';
import type { Address } from '../channels/address.ts';
import type { Message } from '../channels/message.ts';
import { IssueCode } from '../github/issue-state.ts';
import { again, begun, isReminderDue } from '../lasting.ts';
import { type EarlierRuns, isDue } from '../patience.ts';
import type { Failure, FailureClass } from '../run-report.ts';
import type { Memory, PublishedVersions, Told } from './memory.ts';
import { failing, published, type Sender, well } from './texts.ts';

/** One thing for one receiver: a message, or nothing to say, and the memory of it. */
export interface News {
  readonly message: Message | undefined;
  /** Memory if there was nothing to say, or it was said. */
  readonly said: Kept;
  /** Memory if it could not be said: it is said by the next run. */
  readonly unsaid: Kept;
}

/** Part of a memory that a piece of news decides on. */
export interface Kept {
  readonly told?: Told;
  readonly published?: PublishedVersions;
}

export interface Situation {
  readonly failures: readonly Failure[];
  /** Classes that this run showed to be well. */
  readonly recovered: ReadonlySet<FailureClass>;
  /** Codes of failures of which this run could not find out if they are over. */
  readonly undecided: readonly string[];
  readonly earlier: EarlierRuns | undefined;
  readonly patience: number;
  /** Name of this run. */
  readonly run: string;
  /** True if news of publications are for this command to tell. */
  readonly tellsPublications: boolean;
}

/** Finds out what a receiver is to be told, by the rules of issues: one a class, a reminder a day, one when it is well. */
export function newsFor(
  { id, wants }: Address,
  memory: Memory,
  situation: Situation,
  sender: Sender,
): News[] {
  const told = memory.told.filter((one) => one.receiver === id && one.mirror === sender.mirror);
  const before = memory.published.find((one) => one.receiver === id && one.mirror === sender.mirror);
  return [
    ...(wants.has('failures') ? failureNews(id, told, situation, sender) : []),
    ...(wants.has('publications') ? publicationNews(id, before, situation, sender) : []),
  ];
}

function failureNews(receiver: string, told: readonly Told[], situation: Situation, sender: Sender): News[] {
  const { failures, recovered, undecided } = situation;
  const failed = new Map(failures.map((failure) => [failure.class, failure]));
  const known = new Set(told.map((one) => one.class));
  return [
    ...told.map((one) => {
      const failure = failed.get(one.class);
      if (failure !== undefined) return repeated(one, failure, situation, sender);
      const isWell = recovered.has(one.class) && !undecided.includes(one.code ?? '');
      return isWell
        ? { message: well(one, sender), said: {}, unsaid: { told: one } }
        : { message: undefined, said: { told: one }, unsaid: { told: one } };
    }),
    ...failures
      .filter(
        (failure) => !known.has(failure.class) && isDue(failure.class, situation.earlier, situation.patience),
      )
      .map((failure) => {
        const state = {
          receiver,
          mirror: sender.mirror,
          ...begun(situation.run, sender.at),
          ...identityOf(failure),
        };
        return { message: failing(failure, state, false, sender), said: { told: state }, unsaid: {} };
      }),
  ];
}

function repeated(one: Told, failure: Failure, { run }: Situation, sender: Sender): News {
  const counted = { ...again(one, run, sender.at), ...identityOf(failure) };
  if (!isReminderDue(counted))
    return { message: undefined, said: { told: counted }, unsaid: { told: counted } };
  const message = failing(failure, counted, true, sender);
  return { message, said: { told: { ...counted, commented: counted.last } }, unsaid: { told: counted } };
}

function identityOf({ class: failed, about, code }: Failure): Pick<Told, 'class' | 'about' | 'code'> {
  return { class: failed, about, code: v.is(IssueCode, code) ? code : undefined };
}

function publicationNews(
  receiver: string,
  before: PublishedVersions | undefined,
  { tellsPublications }: Situation,
  sender: Sender,
): News[] {
  const versions = sender.report?.serving?.versions;
  const kept = before === undefined ? {} : { published: before };
  if (!tellsPublications || versions === undefined) return [{ message: undefined, said: kept, unsaid: kept }];
  const message = published(before?.versions ?? {}, sender);
  const isNew = Object.keys(message.versions).length > 0;
  const now = { published: { receiver, mirror: sender.mirror, versions } };
  return [{ message: isNew ? message : undefined, said: now, unsaid: kept }];
}
