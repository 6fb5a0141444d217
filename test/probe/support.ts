import { chmod } from 'node:fs/promises';
import { inject } from 'vitest';
import { readsSigns } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import type { Finding } from '../../scripts/probe/finding.ts';
import { type ProbeOptions, type ProbeReport, probeMirror } from '../../scripts/probe/probe.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { trusting } from '../support/clamav/engines.ts';
import { startMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { describeWith } from '../support/setup/official.ts';
import { NO_PROXIES } from '../support/web/no-proxies.ts';

/** Like `describe`, and skipped where the web servers are missing. */
export const describeWithWebServers = describeWith(inject('webServers'));

/** Where nobody listens. */
export const NOBODY = 'http://127.0.0.1:1';

/** Probes as the command does, without DNS, and briefly where nothing answers. */
export async function probe(url: string, change: Partial<ProbeOptions> = {}): Promise<ProbeReport> {
  return await probeMirror({
    url,
    userAgent: 'clamav-mirror/test',
    proxies: NO_PROXIES,
    databases: undefined,
    dns: undefined,
    cdiffs: 30,
    maxSize: 100_000_000,
    timeout: 600_000,
    full: false,
    client: undefined,
    trust: TALOS,
    now: () => new Date(),
    patience: { connect: 60_000, idle: 60_000, answer: 60_000, file: 60_000 }, // what is well may be slow
    ...change,
  });
}

/** A mirror as a real cycle publishes it, which every user may read. */
export async function publishedMirror(): Promise<TestMirror> {
  const mirror = await startMirror();
  await mirror.sync({ openProver: async () => trusting });
  await chmod(mirror.folder, 0o755);
  return mirror;
}

/** `range: fault`, without what is good. */
export function problems({ findings }: ProbeReport): string[] {
  return findings
    .filter(({ verdict }) => verdict !== 'good')
    .map(({ check, verdict }) => `${check}: ${verdict}`);
}

/**
 * The problems of a mirror that is well but for what its upstream does not have: `.sign` files. `client`: as the probe has
 * them that plays real clients.
 */
export async function problemsOfUnsigned({ client = false } = {}): Promise<string[]> {
  const fips = client && readsSigns(await findNativeEngine(process.env.PATH ?? ''));
  return ['.sign files: warning', ...(fips ? ['freshclam, FIPS: warning'] : [])];
}

/** The checks that found a fault. */
export function faults({ findings }: ProbeReport): string[] {
  return [...new Set(findings.filter(({ verdict }) => verdict === 'fault').map(({ check }) => check))];
}

export function finding({ findings }: ProbeReport, check: string): Finding | undefined {
  return findings.find((found) => found.check === check);
}
