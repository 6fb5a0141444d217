import { ALERT_DATABASES, ALERT_WORDS } from '../../base/limits/alerts.ts';
import { logLine } from '../../base/printable.ts';
import { DATABASE_NAME } from '../../cvd/names.ts';
import { adviceFor, textsFor } from '../advice.ts';
import type { Message, MessageFailure, VersionRow } from '../channels/message.ts';
import { oneLine } from '../escape.ts';
import { failingSince, type Lasting, stillFailing, wasFailing } from '../lasting.ts';
import type { Failure, FailureClass, RunReport } from '../run-report.ts';
import { nameOf, titleOf } from '../title.ts';

/** Facts that every message of a run shares. */
export interface Sender {
  readonly mirror: string;
  /** Public address of the mirror. */
  readonly url: string | undefined;
  /** Name of this machine. */
  readonly machine: string;
  /** Page of the run, if it has one. */
  readonly runUrl: string | undefined;
  readonly report: RunReport | undefined;
  readonly at: Date;
}

/** Tells a failure for the first time, or reminds of it. */
export function failing(failure: Failure, state: Lasting, isReminder: boolean, sender: Sender): Message {
  const since = isReminder ? stillFailing(state) : `${failingSince(state)}.`;
  return {
    ...common(sender),
    event: isReminder ? 'still-failing' : 'failing',
    title: titleOf(failure, sender),
    text: [textsFor(failure).meaning, since],
    failure: details(failure, state),
    versions: versionsOf(sender.report),
  };
}

/** Tells that a class is well again. */
export function well(
  told: Lasting & { class: FailureClass; code?: string | undefined },
  sender: Sender,
): Message {
  const failure = { class: told.class, code: told.code ?? '', what: '', log: [] };
  return {
    ...common(sender),
    event: 'well',
    title: `Well again: ${titleOf(failure, sender)}`,
    text: [wasFailing(told, sender.at)],
    failure: { ...details(failure, told), advice: '' },
    versions: versionsOf(sender.report),
  };
}

/** Tells which versions clients get now, and which they got before. */
export function published(before: Readonly<Record<string, number>>, sender: Sender): Message {
  const versions = versionsOf(sender.report);
  const had = (database: string) => (Object.hasOwn(before, database) ? (before[database] ?? null) : null);
  const changed = Object.entries(versions).filter(
    ([database, { served }]) => served !== null && served !== had(database),
  );
  const names = changed.map(([database, { served }]) => `${database} ${served}`).join(', ');
  const { link, ...rest } = common(sender);
  const changes = sender.url === undefined ? link : `${sender.url}/#changes`;
  return {
    ...rest,
    event: 'published',
    title: `ClamAV mirror: published ${names} (mirror ${nameOf(sender.mirror, sender.url)})`,
    text: ['Proven and published. Clients get it from now on.'],
    versions: Object.fromEntries(changed.map(([name, row]) => [name, { ...row, before: had(name) }])),
    ...(changes !== undefined && { link: changes }),
  };
}

/** A message that asks for nothing. */
export function test(sender: Sender): Message {
  return {
    ...common(sender),
    event: 'test',
    title: `ClamAV mirror: a test (mirror ${nameOf(sender.mirror, sender.url)})`,
    text: ['This is a test of the alerts. Nothing has failed, and there is nothing to do.'],
    versions: {},
  };
}

function common({ mirror, url, machine, runUrl, at }: Sender): Pick<Message, 'at' | 'mirror' | 'link'> {
  const link = runUrl ?? url;
  return { at: at.toISOString(), mirror: { id: mirror, url, machine }, ...(link !== undefined && { link }) };
}

function details(failure: Failure, { first, count }: Lasting): MessageFailure {
  return {
    class: failure.class,
    code: words(failure.code, 60),
    what: words(failure.what, ALERT_WORDS.what),
    advice: adviceFor(failure),
    more: words(failure.advice ?? '', ALERT_WORDS.advice),
    since: first,
    runs: count,
  };
}

/**
 * Words from outside in one line, which no terminal or runner obeys. They mention nobody, also where a receiver hands them on
 * to a chat.
 */
function words(text: string, limit: number): string {
  return logLine(oneLine(text, limit)).replace(/<(?=[!@#])/g, '\uff1c');
}

function versionsOf(report: RunReport | undefined): Record<string, VersionRow> {
  const [served, upstream] = [report?.serving?.versions ?? {}, report?.upstream ?? {}];
  const of = (versions: Readonly<Record<string, number>>, name: string) =>
    Object.hasOwn(versions, name) ? (versions[name] ?? null) : null;
  return Object.fromEntries(
    [...new Set([...Object.keys(served), ...Object.keys(upstream)])]
      .filter((name) => DATABASE_NAME.test(name))
      .sort()
      .slice(0, ALERT_DATABASES)
      .map((name) => [name, { served: of(served, name), upstream: of(upstream, name) }]),
  );
}
