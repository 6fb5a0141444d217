import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { checksFor } from '../../scripts/doctor/checks.ts';
import type { DoctorContext } from '../../scripts/doctor/context.ts';
import { examine } from '../../scripts/doctor/doctor.ts';
import type { Finding } from '../../scripts/doctor/finding.ts';
import { doctorSettings } from '../../scripts/settings/commands/doctor.ts';
import { programsFrom } from '../../scripts/settings/environment.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { environment as gitHubVariables } from '../notify/support.ts';
import { startGitHub } from '../support/github/api.ts';
import { type CliOptions, runCli } from '../support/mirror/cli.ts';

export type Flags = Readonly<Record<string, string>>;
type Environment = Readonly<Record<string, string>>;

export interface Machine {
  readonly flags?: Flags;
  /** Beside a PATH. */
  readonly environment?: Environment;
  readonly context?: Partial<Pick<DoctorContext, 'node' | 'now'>>;
}

/** Nobody listens there. */
export const NOBODY = 'http://127.0.0.1:9';

/** A folder that every user may enter, and that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'doctor-'));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What a look at this machine finds by these checks alone, in this process. */
export async function findings(
  checks: readonly string[],
  { flags = {}, environment = {}, context = {} }: Machine,
): Promise<Finding[]> {
  const variables = { PATH: process.env.PATH ?? '', ...environment };
  const settings = doctorSettings({ flags: withDefaults(flags), environment: variables });
  const wanted = (await checksFor(settings)).filter(({ name }) => checks.includes(name));
  expect(wanted.map(({ name }) => name).sort()).toEqual([...checks].sort());
  const report = await examine(wanted, {
    settings,
    programs: programsFrom(variables),
    node: process.version,
    trust: TALOS,
    now: () => new Date(),
    ...context,
  });
  return [...report.findings];
}

/** The same of one check. */
export async function finding(check: string, machine: Machine = {}): Promise<Finding | undefined> {
  return (await findings([check], machine))[0];
}

/** The line of one check as the command prints it, run in a process of its own. */
export async function lineOf(check: string, flags: Flags, options: CliOptions = {}): Promise<Finding> {
  const args = Object.entries(withDefaults(flags)).flatMap(([name, value]) => [`--${name}`, value]);
  const run = await runCli(['doctor', '--json', ...args], options);
  const all = run.json() as Finding[];
  expect(run.exitCode, run.stderr).toBe(all.some((one) => 'ok' in one && !one.ok) ? 1 : 0);
  const found = all.find((one) => one.check === check);
  if (found === undefined) throw new Error(`there is no ${check} in ${run.stdout}`);
  return found;
}

/** Lets our GitHub read the description that it goes by, once, which takes longer than a check has. */
export async function readDescription(): Promise<void> {
  await using github = await startGitHub();
  const environment = { ...gitHubVariables(github), CLAMAV_MIRROR_ISSUES: 'true' };
  await findings(['github', 'issues', 'schedule'], { environment, flags: { store: '/nowhere/mirror' } });
}

/** A fault of which the next thing to do says this. */
export function fault(found: RegExp, advice: RegExp): unknown {
  return {
    check: expect.any(String),
    ok: false,
    found: expect.stringMatching(found),
    advice: expect.stringMatching(advice),
  };
}

export const WELL = expect.objectContaining({ ok: true });
export const SKIPPED = expect.objectContaining({ skipped: true });

/** Nothing outside of this machine is asked. */
function withDefaults(flags: Flags): Flags {
  const store = flags.store ?? join(temporaryFolder(), 'mirror');
  const away = store.startsWith('s3:') ? { work: join(temporaryFolder(), 'work') } : {};
  return { upstream: NOBODY, dns: 'off', databases: 'test', store, ...away, ...flags };
}
