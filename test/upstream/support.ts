import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../scripts/base/log.ts';
import type { Proxies } from '../../scripts/http/proxies.ts';
import type { CoolDown, CoolDownMemory } from '../../scripts/upstream/cool-down.ts';
import type { Patience, UpstreamClient } from '../../scripts/upstream/http-client.ts';
import { type HttpUpstream, openUpstream } from '../../scripts/upstream/open.ts';

export const QUICK: Partial<Patience> = { idle: 10_000, file: 20_000, attempts: 3, pause: 1 };
export const NO_PROXIES: Proxies = { httpProxy: '', httpsProxy: '', noProxy: '' };
export const USER_AGENT = 'a mirror under test';

/** A cool-down that nothing outlives, which the test may look at and set. */
export function memory(coolDown?: CoolDown): CoolDownMemory & { saved: CoolDown | undefined } {
  const kept = {
    saved: coolDown,
    load: () => kept.saved,
    save: async (later: CoolDown) => {
      kept.saved = later;
    },
  };
  return kept;
}

export interface OpenClient extends AsyncDisposable {
  readonly client: UpstreamClient;
  /** Another client of the same upstream. */
  readonly another: HttpUpstream['client'];
}

/** A client as the cycle has it, but less patient. */
export function openClient(
  url: string,
  options: {
    patience?: Partial<Patience>;
    proxies?: Partial<Proxies>;
    userAgent?: string;
    coolDown?: CoolDownMemory;
    now?: () => Date;
    log?: Pick<Log, 'info'>;
  } = {},
): OpenClient {
  const upstream = openUpstream({
    url,
    userAgent: options.userAgent ?? USER_AGENT,
    proxies: { ...NO_PROXIES, ...options.proxies },
    coolDown: options.coolDown ?? memory(),
    now: options.now ?? (() => new Date()),
    patience: { ...QUICK, ...options.patience },
    ...(options.log && { log: options.log }),
  });
  return {
    client: upstream.client(),
    another: upstream.client,
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  };
}

/** What a probe comes to: `probed`, or the error's code. */
export async function probed(client: UpstreamClient): Promise<string> {
  return await client.probe('daily.cvd').then(
    () => 'probed',
    (error) => error.code,
  );
}

export interface Folder extends AsyncDisposable {
  path(name: string): string;
}

export async function temporaryFolder(): Promise<Folder> {
  const folder = await mkdtemp(join(tmpdir(), 'upstream-'));
  return {
    path: (name) => join(folder, name),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Bytes in which every offset can be told from its neighbours. */
export function pattern(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(Math.imul(at + 1, 2654435761) >>> 0, at);
  return bytes;
}

/** Where nobody listens. */
export const NOBODY = 'http://127.0.0.1:1';
