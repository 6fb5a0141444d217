import { FEED_ENTRIES } from '../../base/limits/page.ts';
import { printable } from '../../base/printable.ts';
import { bytes, moment } from '../../base/words.ts';
import { changesName, changesOverviewName } from '../../cvd/names.ts';
import { grouped, SHOWN_CHARACTERS, short } from '../bits.ts';
import type { Change, History } from '../history.ts';
import { keyOf, type MirrorEvent } from './events.ts';

/** Something that happened, in words that stay the same for ever. */
export interface Happening {
  /** Tells it from everything else that happened to this mirror. */
  readonly key: string;
  /** ISO time. */
  readonly at: string;
  readonly title: string;
  readonly text: string;
  /** Name of a published file with more about it. */
  readonly more?: string;
  /** Its kind, and its database if it has one. */
  readonly tags: readonly string[];
}

/** What happened, newest first, as far as the history remembers it and a feed holds it. Each is there once. */
export function happeningsOf(
  { changes, events }: Pick<History, 'changes' | 'events'>,
  count = FEED_ENTRIES,
): readonly Happening[] {
  const known = [
    ...changes.map((one) => ({ key: keyOfChange(one), at: Date.parse(one.at), words: () => ofChange(one) })),
    ...events.map((one) => ({ key: keyOf(one), at: Date.parse(one.at), words: () => ofEvent(one) })),
  ].reverse();
  const once = [...new Map(known.map((one) => [one.key, one])).values()]; // of two, what was told first
  const newest = once.sort((one, other) => other.at - one.at).slice(0, count);
  return newest.map(({ key, at, words }) => {
    const { title, text, tags, ...more } = words();
    const time = new Date(at).toISOString(); // as RFC 3339 wants it
    return { key, at: time, title: plain(title), text: plain(text), tags: tags.map(plain), ...more };
  });
}

/** What tells a change from every other one: two lead to the same version only at different times. */
function keyOfChange({ at, database, to }: Change): string {
  return JSON.stringify(['changed', database, to, Date.parse(at)]);
}

type Words = Omit<Happening, 'key' | 'at'>;

function ofChange(change: Change): Words {
  const { database, from, to, how, upstreamBytes, lines, signatures, size, reason } = change;
  const isBack = how === 'rolled back';
  const isTaken = !isBack && how !== 'adopted';
  const facts = [
    `${HOW[how]}${isTaken ? `, ${bytes(upstreamBytes)} from upstream` : ''}${reason === undefined ? '' : `, because: ${reason}`}`,
    ...(lines === undefined ? [] : [countsIn(lines)]),
    ...(signatures === undefined ? [] : [`${grouped(signatures)} signature${signatures === 1 ? '' : 's'}`]),
    ...(size === undefined ? [] : [bytes(size)]),
  ];
  return {
    title: `${short(database)} ${from ?? 'none'} → ${to}${isBack ? ', rolled back' : ''}`,
    text: sentences(facts),
    tags: [isBack ? 'rolled back' : 'published', database],
    ...(lines !== undefined && {
      more: lines.steps === 1 ? changesName(database, to) : changesOverviewName(database),
    }),
  };
}

/** `412 signatures added, 3 removed` */
export function countsIn({ added, removed, exchanged }: NonNullable<Change['lines']>): string {
  const counts = { added, removed, exchanged };
  const told = Object.entries(counts).filter(([, count]) => count > 0);
  const [first, ...rest] = told.map(([what, count]) => [grouped(count), what] as const);
  if (first === undefined) return 'No signature changed';
  const noun = first[0] === '1' ? 'signature' : 'signatures';
  return [`${first[0]} ${noun} ${first[1]}`, ...rest.map((one) => one.join(' '))].join(', ');
}

const HOW = {
  adopted: 'Adopted from a folder',
  downloaded: 'Downloaded',
  rebuilt: 'Rebuilt from CDIFFs',
  'rolled back': 'Published again from the archive',
  unchanged: 'Published',
} as const;

function ofEvent(event: MirrorEvent): Words {
  const { kind } = event;
  if (kind === 'refused') return ofRefusal(event);
  if (kind === 'released') {
    const { database, version, since } = event;
    return {
      title: `${short(database)} released`,
      text: `It was pinned at ${version} since ${moment(since)}; cycles move it on again.`,
      tags: [kind, database],
    };
  }
  const { what, reason, since, until, from } = event;
  const isAllowed = kind === 'allowed';
  const end = until === undefined ? '' : `, until ${moment(until)}`;
  return {
    title: `${isAllowed ? 'Allowed' : 'No longer allowed'}: ${short(what)}`,
    text: sentences([
      reason,
      `${isAllowed ? 'Since' : 'It was allowed since'} ${moment(since)}${end}`,
      ...(from === 'command' ? ['By a command'] : []),
      ...(from === 'file' ? ['By the list that the settings name'] : []),
    ]),
    tags: [kind],
  };
}

function ofRefusal(event: Extract<MirrorEvent, { kind: 'refused' }>): Words {
  const { kind, database, version, served, code, what } = event;
  const which = version === null ? `an update of ${short(database)}` : `${short(database)} ${version}`;
  const isWaiting = code === 'proof/waiting';
  const stays = served === null ? [] : [`Clients get ${short(database)} ${served} as before`];
  return {
    title: `${which} ${isWaiting ? 'waits' : kind}`,
    text: sentences([`${what} (${code})`, ...stays]),
    tags: [isWaiting ? 'waiting' : kind, database],
  };
}

/** In characters that XML, JSON, HTML and a terminal can hold. */
function plain(text: string): string {
  return printable(text).replace(/[\ufffe\uffff]/g, '?');
}

function sentences(all: readonly string[]): string {
  return all.map((one) => `${short(one.replace(/\.\s*$/, ''), SHOWN_CHARACTERS.reason)}.`).join(' ');
}
