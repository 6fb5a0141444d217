import { bytes, counted, moment } from '../../base/words.ts';
import { grouped } from '../../page/bits.ts';
import type { Kind } from '../tally/tally.ts';
import type { StatsReport } from './report.ts';

/** Kinds of answers as people call them, in the order in which they are shown. */
export const KIND_WORDS: readonly (readonly [Kind, string])[] = [
  ['check', 'checks of the version'],
  ['cdiff', 'CDIFFs'],
  ['whole', 'whole CVDs'],
  ['part', 'parts of CVDs'],
  ['sign', '.sign files'],
  ['other', 'anything else'],
  ['failed', 'refused or failed'],
];

/** `5,000,000 requests`, for counts that may be large. */
export function many(count: number, one: string, more = `${one}s`): string {
  return count < 1000 ? counted(count, one, more) : `${grouped(count)} ${more}`;
}

/** Everything that the counts leave out, or hold only together, in sentences. */
export function caveats(report: StatsReport): string[] {
  const { logs, beyond, monitors, broken, addresses } = report;
  const sum = (field: 'before' | 'notLogged') => logs.reduce((all, log) => all + log[field], 0);
  const said: (string | false)[] = [
    monitors.requests > 0 &&
      `${many(monitors.requests, 'request')} of monitors are left out: ${monitors.listed.map(({ name, requests }) => `${name} ${grouped(requests)}`).join(', ')}`,
    sum('before') > 0 &&
      `${many(sum('before'), 'request')} before the time of --since or --days are left out`,
    sum('notLogged') > 0 &&
      `${many(sum('notLogged'), 'request')} were never logged: nobody read the log of the host`,
    broken.lines > 0 && `${many(broken.lines, 'line')} could not be read`,
    beyond.clients.requests > 0 &&
      `${many(beyond.clients.requests, 'request')} (${bytes(beyond.clients.bytes)}) are of clients beyond the first ${grouped(report.clients)}: they are in all sums, and in no count of clients`,
    beyond.days.requests > 0 &&
      `${many(beyond.days.requests, 'request')} are of further days, which are not listed`,
    addresses !== 'full' &&
      `Addresses are ${addresses === 'cut' ? 'cut to their network' : 'hashed'}: --addresses full shows them`,
  ];
  return said.filter((one) => one !== false);
}

/** `2026-11-01 00:00 UTC – 2026-11-28 17:05 UTC` */
export function spanOf({ from, to }: Pick<StatsReport, 'from' | 'to'>): string {
  return from === null || to === null ? 'no request of a client' : `${moment(from)} – ${moment(to)}`;
}
