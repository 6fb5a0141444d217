import { type AlertContext, type AlertsTold, tellAlerts } from '../../../scripts/notify/alerts/alerts.ts';
import { type Memory, NOTHING_TOLD } from '../../../scripts/notify/alerts/memory.ts';
import { parseAddresses } from '../../../scripts/notify/channels/address.ts';
import type { RunReport } from '../../../scripts/notify/run-report.ts';
import type { Clock } from '../support.ts';

export const NO_PROXIES = { httpProxy: '', httpsProxy: '', noProxy: '' };
export const SENDER = {
  mirror: '0123abcd',
  url: 'https://mirror.example/clamav',
  machine: 'mirror-1',
  runUrl: undefined,
} as const;

/** One run after the other of a mirror, each telling its report to these addresses. */
export class Alerter {
  memory: Memory = NOTHING_TOLD;
  readonly warnings: string[] = [];
  readonly #addresses: string;
  readonly #clock: Clock;
  #run = 0;

  constructor(addresses: string, clock: Clock) {
    this.#addresses = addresses;
    this.#clock = clock;
  }

  async tell(report: RunReport | undefined, more: Partial<AlertContext> = {}): Promise<AlertsTold> {
    const told = await tellAlerts(report, this.memory, {
      addresses: parseAddresses(this.#addresses),
      sender: SENDER,
      patience: 3,
      results: {},
      run: `run ${++this.#run}`,
      command: 'sync',
      tellsPublications: true,
      sending: { proxies: NO_PROXIES, signal: new AbortController().signal, now: this.#clock.now },
      ...more,
    });
    this.memory = told.memory;
    this.warnings.push(...told.warnings);
    return told;
  }
}
