import { FEED_ENTRIES } from '../../base/limits/page.ts';
import { printable } from '../../base/printable.ts';
import { bytes, moment } from '../../base/words.ts';
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
  /** Its kind, and its database if it has one. */
  readonly tags: readonly string[];
}

/** Everything that happened, newest first, as far as the history remembers it and a feed holds it. Each is there once. */
export function happeningsOf({ changes, events }: Pick<History, 'changes' | 'events'>): readonly Happening[] {
  const all = [...changes.map(ofChange), ...events.map(ofEvent)].reverse();
  const known = new Set<string>();
  const once = all.filter(({ key }) => !known.has(key) && known.add(key));
  return once.sort((one, other) => Date.parse(other.at) - Date.parse(one.at)).slice(0, FEED_ENTRIES);
}

/** What tells a change from every other one: two lead to the same version only at different times. */
export function keyOfChange({ at, database, to }: Pick<Change, 'at' | 'database' | 'to'>): string {
  return JSON.stringify(['changed', database, to, Date.parse(at)]);
}

function ofChange(change: Change): Happening {
  const { at, database, from, to, how, upstreamBytes, signatures, size, reason } = change;
  const isBack = how === 'rolled back';
  const facts = [
    ...(isBack ? [reason === undefined ? WORDS[how] : `${WORDS[how]}, because: ${reason}`] : []),
    ...(isBack
      ? []
      : [how === 'adopted' ? WORDS[how] : `${WORDS[how]}, ${bytes(upstreamBytes)} from upstream`]),
    ...(signatures === undefined
      ? []
      : [`${grouped(signatures)} ${signatures === 1 ? 'signature' : 'signatures'}`]),
    ...(size === undefined ? [] : [bytes(size)]),
  ];
  return happening({
    key: keyOfChange(change),
    at,
    title: `${short(database)} ${from ?? 'none'} → ${to}${isBack ? ', rolled back' : ''}`,
    text: sentences(facts),
    tags: [isBack ? 'rolled back' : 'published', database],
  });
}

const WORDS = {
  adopted: 'Adopted from a folder',
  downloaded: 'Downloaded',
  rebuilt: 'Rebuilt from CDIFFs',
  'rolled back': 'Published again from the archive',
  unchanged: 'Published',
} as const;

function ofEvent(event: MirrorEvent): Happening {
  const { at, kind } = event;
  const key = keyOf(event);
  if (kind === 'refused') {
    const { database, version, served, code, what } = event;
    const which = version === null ? `an update of ${short(database)}` : `${short(database)} ${version}`;
    const isWaiting = code === 'proof/waiting';
    const stays = served === null ? [] : [`Clients get ${short(database)} ${served} as before`];
    return happening({
      ...{ key, at, title: `${which} ${isWaiting ? 'waits' : 'refused'}` },
      text: sentences([`${what} (${code})`, ...stays]),
      tags: [isWaiting ? 'waiting' : 'refused', database],
    });
  }
  if (kind === 'released') {
    const { database, version, since } = event;
    return happening({
      ...{ key, at, title: `${short(database)} released` },
      text: `It was pinned at ${version} since ${moment(since)}; cycles move it on again.`,
      tags: [kind, database],
    });
  }
  const { what, reason, since, until, from } = event;
  return happening({
    ...{ key, at, title: `${kind === 'allowed' ? 'Allowed' : 'No longer allowed'}: ${short(what)}` },
    text: sentences([
      reason,
      `${kind === 'allowed' ? 'Since' : 'It was allowed since'} ${moment(since)}${until === undefined ? '' : `, until ${moment(until)}`}`,
      ...(from === 'command' ? ['By a command'] : []),
      ...(from === 'file' ? ['By the list that the settings name'] : []),
    ]),
    tags: [kind],
  });
}

/** In characters that XML, JSON, HTML and a terminal can hold, with a time as RFC 3339 wants it. */
function happening({ key, at, title, text, tags }: Happening): Happening {
  return {
    key,
    at: new Date(at).toISOString(),
    title: plain(title),
    text: plain(text),
    tags: tags.map(plain),
  };
}

function plain(text: string): string {
  return printable(text).replace(/[\ufffe\uffff]/g, '?');
}

function sentences(all: readonly string[]): string {
  return all.map((one) => `${short(one.replace(/\.\s*$/, ''), SHOWN_CHARACTERS.reason)}.`).join(' ');
}
