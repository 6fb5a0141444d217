import type { Cycles } from '../cycles/cycles.ts';
import type { Outlook } from '../outlook/outlook.ts';
import { daemonMetrics } from './metrics.ts';
import type { Answers } from './small-server.ts';

export interface Asked {
  readonly started: Date;
  readonly cycles: Pick<Cycles, 'facts'>;
  readonly outlook: Pick<Outlook, 'look'>;
  /** Answered requests of clients by HTTP status. */
  readonly requests: ReadonlyMap<number, number>;
}

/** Answers of the admin address, for those who watch. */
export function healthAnswers({ started, cycles, outlook, requests }: Asked): Answers {
  return {
    'GET /healthz': () => ({ status: 200, json: { alive: true } }),
    'GET /readyz': async () => {
      const { readiness, served } = await outlook.look();
      const { last } = cycles.facts;
      const { outcome, exitCode, signal, ended } = last ?? {};
      const lastCycle = last === undefined ? null : { outcome, exitCode, signal, ended };
      const checked = served?.status?.checked ?? null;
      return { status: readiness.ready ? 200 : 503, json: { ...readiness, checked, lastCycle } };
    },
    'GET /metrics': async () => {
      const { readiness, served } = await outlook.look();
      const own = { started, cycles: cycles.facts, readiness, requests };
      const type = 'text/plain; version=0.0.4; charset=utf-8';
      return { status: 200, text: daemonMetrics(served?.status, own), type };
    },
  };
}

/** Answers of the socket, for the user of the mirror. */
export function controlAnswers({ started, cycles, outlook }: Asked, ask: () => string): Answers {
  return {
    'POST /sync': () => ({ status: 202, json: { cycle: ask() } }),
    'GET /status': async () => {
      const { readiness, served } = await outlook.look();
      const mirror = served?.status ?? null;
      return { status: 200, json: { started, ...readiness, cycles: cycles.facts, mirror } };
    },
  };
}
