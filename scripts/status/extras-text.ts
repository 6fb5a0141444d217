import { bytes, counted, lasting, moment } from '../base/words.ts';
import type { Extras } from '../mirror/extras.ts';
import { labelled } from './wrap.ts';

/** Most lines of each kind; JSON has all of them. */
const MAX_LINES = 10;

/** Writes what a mirror has beside Talos' databases, and what is off by its allow list. */
export function extrasLines({ files, allowed }: Extras, now: Date, width: number): string[] {
  const names = Object.entries(files).map(([name, { source, size, published }]) => {
    const age = lasting(now.getTime() - Date.parse(published));
    return `${name}: ${bytes(size)} from ${source}, published ${moment(published)}, ${age} ago`;
  });
  const entries = allowed.map(({ what, reason, since, until, from }) => {
    const end = until === undefined ? '' : ` until ${moment(until)}`;
    return `${what}: since ${moment(since)}${end}, by ${from === 'file' ? 'the list' : 'allow'}: ${reason}`;
  });
  return [...lines('extras', names, width), ...lines('allowed', entries, width)];
}

function lines(label: string, texts: readonly string[], width: number): string[] {
  const more = texts.length - MAX_LINES;
  const shown = [...texts.slice(0, MAX_LINES), ...(more > 0 ? [`and ${counted(more, 'other')}`] : [])];
  return shown.flatMap((text, at) => labelled(at === 0 ? label : '', text, width));
}
