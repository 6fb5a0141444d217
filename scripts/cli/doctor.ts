import { print, printJson } from '../base/log.ts';
import { checksFor } from '../doctor/checks.ts';
import { type DoctorReport, examine } from '../doctor/doctor.ts';
import { doctorTable } from '../doctor/doctor-table.ts';
import { type DoctorSettings, doctorSettings } from '../settings/commands/doctor.ts';
import { programs } from '../settings/commands/sync.ts';
import type { Given } from '../settings/read.ts';
import { TALOS } from '../verify/trust.ts';
import { endOnSignal } from '../wiring/cycle-context.ts';
import { EXIT } from '../wiring/exit-code.ts';

/** `clamav-mirror doctor`: what this machine and these settings can do. */
export async function doctor(given: Given, json: boolean): Promise<'good' | 'failed'> {
  const settings = doctorSettings(given);
  endOnSignal();
  const report = await runDoctor(settings);
  if (json) printJson(process.stdout, report.findings);
  else print(process.stdout, doctorTable(report, settings.marks));
  if (report.unfinished) process.exit(EXIT[report.verdict]); // what hangs is not waited for
  return report.verdict;
}

export async function runDoctor(settings: DoctorSettings): Promise<DoctorReport> {
  const context = { settings, programs: programs(), node: process.version, trust: TALOS };
  return await examine(await checksFor(settings), { ...context, now: () => new Date() });
}
