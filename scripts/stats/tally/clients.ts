import { STATS_CLIENTS } from '../../base/limits/requests.ts';
import type { Access } from '../logs/access.ts';
import { parseAgent } from './agent.ts';
import type { Held } from './held.ts';

/** An address with a User-Agent, which holds an identifier where it is freshclam's. */
export interface Client {
  /** Its place in the sets of a day. */
  readonly number: number;
  /** Address and User-Agent, with a blank between them. */
  readonly key: string;
  readonly program: string;
  /** Name of the monitor that it is; `undefined`: it is a client. */
  readonly monitor: string | undefined;
  requests: number;
  bytes: number;
  /** Epoch seconds of its last request. */
  last: number;
  wholes: number;
  wholeBytes: number;
  held: Held | undefined;
}

/** What is known of a client beyond the limit. */
type Stranger = Pick<Client, 'program' | 'monitor'>;

/** All clients up to a limit. Whole addresses tell them apart, however they are shown later. */
export class Clients {
  readonly #clients = new Map<string, Client>();
  readonly #programs = new Map<string, string>();
  readonly #isMonitor: (address: string) => boolean;

  /** `isMonitor` tells the addresses of monitors. */
  constructor(isMonitor: (address: string) => boolean) {
    this.#isMonitor = isMonitor;
  }

  /** The client of a request. One beyond the limit is told by its lack of a number. */
  of({ address, agent }: Access): Client | Stranger {
    const key = `${address} ${agent}`; // an address has no blank
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const { program, monitor } = parseAgent(agent);
    const by = monitor ?? (this.#isMonitor(address) ? 'an address of --monitors' : undefined);
    if (this.#clients.size >= STATS_CLIENTS) return { program, monitor: by };
    const made: Client = {
      ...{ number: this.#clients.size, key, program: this.#shared(program), monitor: by },
      ...{ requests: 0, bytes: 0, last: 0, wholes: 0, wholeBytes: 0, held: undefined },
    };
    this.#clients.set(key, made);
    return made;
  }

  /** Those that asked for something and are no monitors. */
  list(): Client[] {
    return [...this.#clients.values()].filter(({ monitor }) => monitor === undefined);
  }

  /** One text for all clients of a program. */
  #shared(program: string): string {
    const known = this.#programs.get(program);
    if (known === undefined) this.#programs.set(program, program);
    return known ?? program;
  }
}

export function isKnown(client: Client | Stranger): client is Client {
  return 'number' in client;
}
