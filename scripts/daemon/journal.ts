import { bytes, moment, took } from '../base/words.ts';
import { requestLine } from '../host/request-log.ts';
import type { RequestLine } from '../host/response.ts';
import type { CycleEnd, ToldReport } from './cycles/cycle-end.ts';

/** Something that a mirror tells in its log. Machines get it as it is. */
export type DaemonEvent =
  | ({ readonly event: 'start' } & StartFacts)
  | { readonly event: 'cycle-start'; readonly cycle: number }
  | { readonly event: 'cycle-line'; readonly cycle: number; readonly line: string }
  | ({ readonly event: 'cycle-end'; readonly cycle: number; readonly next: string } & CycleEnd)
  | {
      readonly event: 'asked';
      readonly by: 'SIGHUP' | 'socket' | 'push';
      readonly cycle: 'begins' | 'follows';
    }
  | { readonly event: 'readiness'; readonly ready: boolean; readonly why: string }
  | ({ readonly event: 'request' } & RequestLine)
  | { readonly event: 'stop' }
  | { readonly event: 'end' };

export interface StartFacts {
  readonly store: string;
  /** URL for clients; `null`: it serves none. */
  readonly url: string | null;
  /** URL of health and metrics. */
  readonly admin: string | null;
  readonly socket: string | null;
}

/** A line for people, and how much it matters to them. */
export interface Told {
  readonly weight: 'detail' | 'routine' | 'news' | 'warning' | 'error';
  readonly text: string;
}

/** Words for people. A cycle that brought nothing new is one line. */
export function told(event: DaemonEvent): Told {
  switch (event.event) {
    case 'start':
      return { weight: 'news', text: startText(event) };
    case 'cycle-start':
      return { weight: 'detail', text: `cycle ${event.cycle} begins` };
    case 'cycle-line':
      return { weight: 'routine', text: event.line };
    case 'cycle-end':
      return { weight: WEIGHTS[event.outcome], text: endText(event) };
    case 'asked':
      return { weight: 'news', text: `a cycle was asked for by ${event.by}: it ${ASKED[event.cycle]}` };
    case 'readiness':
      return event.ready
        ? { weight: 'news', text: `ready: ${event.why}` }
        : { weight: 'warning', text: `not ready: ${event.why}` };
    case 'request':
      return { weight: 'detail', text: requestLine(event) };
    case 'stop':
      return {
        weight: 'news',
        text: 'told to end: waiting for the cycle and for transfers, a few seconds at most',
      };
    case 'end':
      return { weight: 'news', text: 'ended' };
  }
}

const ASKED = { begins: 'begins now', follows: 'follows the one that is under way' } as const;

const WEIGHTS = {
  ...({ unchanged: 'routine', proven: 'routine', stopped: 'routine', published: 'news' } as const),
  ...({ busy: 'warning', failed: 'warning', refused: 'error', died: 'error' } as const),
} as const;

function startText({ store, url, admin, socket }: StartFacts): string {
  const serves =
    url === null
      ? `keeping ${store}, which is a bucket: nothing is served from here`
      : `serving ${store} at ${url}; in freshclam.conf: DatabaseMirror ${url}`;
  return [
    serves,
    ...(admin === null ? [] : [`health and metrics at ${admin}`]),
    ...(socket === null ? [] : [`cycles on request at ${socket}`]),
  ].join('; ');
}

function endText(event: { readonly cycle: number; readonly next: string } & CycleEnd): string {
  const { cycle, outcome, report, next } = event;
  const what = report === undefined ? deathOf(event) : reportText(report);
  return outcome === 'stopped'
    ? `cycle ${cycle} was broken off`
    : `cycle ${cycle}: ${outcome}: ${what}; next ${moment(next)}`;
}

function deathOf({ exitCode, signal, why }: CycleEnd): string {
  const how = signal === null ? `with exit code ${exitCode}` : `by ${signal}`;
  return why ?? `it ended ${how}, without a report; what is published is as it was`;
}

function reportText({ databases, upstreamBytes, duration, error }: ToldReport): string {
  const each = Object.entries(databases).map(([name, { outcome, from, to, code, reason }]) => {
    if (outcome === 'published') return `${name} ${from ?? 'none'} → ${to}`;
    if (outcome === 'refused' || outcome === 'failed') return `${name} ${outcome} (${code}): ${reason}`;
    return `${name} ${to ?? 'none'}`;
  });
  const whole = error === undefined ? [] : [`${error.message} (${error.code})`];
  return [...whole, ...each, `${bytes(upstreamBytes)} from upstream in ${took(duration)}`].join(', ');
}
