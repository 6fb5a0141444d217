import { SILENT } from '../../scripts/base/log.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { watchSettings } from '../../scripts/settings/commands/watch.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import type { WatchSettings } from '../../scripts/watch/settings.ts';
import { type WatchContext, type WatchReport, watch } from '../../scripts/watch/watch.ts';

export interface Change extends Partial<WatchContext> {
  readonly flags?: Readonly<Record<string, string>>;
  /** What flags cannot say. */
  readonly settings?: Partial<WatchSettings>;
}

/** Watches as the command does, with the ClamAV of this machine; `upstream` is where the mirror has its databases from. */
export async function look(
  url: string,
  upstream: string,
  { flags, settings: change, ...parts }: Change = {},
): Promise<WatchReport> {
  const settings = watchSettings(url, {
    flags: { upstream, dns: 'off', 'user-agent': 'clamav-mirror/test', ...flags },
    environment: {},
  });
  return await watch(
    { ...settings, ...change },
    {
      engines: parts.engines ?? [await findNativeEngine(process.env.PATH ?? '')],
      trust: TALOS,
      log: SILENT,
      now: () => new Date(),
      ...parts,
    },
  );
}

/** What the notifier is told: `host failed`, `stale recovered`. */
export function told({ run }: WatchReport): string[] {
  return [
    ...run.failures.map((failure) => `${failure.class} failed`),
    ...run.recovered.map((name) => `${name} recovered`),
  ].sort();
}

/** `check: fault`, without what is good and what costs a client little. */
export function problems({ findings }: WatchReport): string[] {
  return findings
    .filter(({ verdict, check }) => verdict !== 'good' && check !== 'caching' && check !== '.sign files')
    .map(({ check, verdict }) => `${check}: ${verdict}`);
}
