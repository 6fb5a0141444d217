import { print, printJson } from '../base/log.ts';
import { doctorTable } from '../doctor/doctor-table.ts';
import { doctorSettings } from '../settings/commands/doctor.ts';
import type { Given } from '../settings/read.ts';
import { EXIT } from '../wiring/exit-code.ts';
import { endOnSignal } from '../wiring/on-signal.ts';
import { runDoctor } from '../wiring/run-doctor.ts';

/** `clamav-mirror doctor`: checks this machine and these settings. */
export async function doctor(given: Given, json: boolean): Promise<'good' | 'failed'> {
  const settings = doctorSettings(given);
  endOnSignal();
  const report = await runDoctor(settings);
  if (json) printJson(process.stdout, report.findings);
  else print(process.stdout, doctorTable(report, settings.marks));
  if (report.unfinished) process.exit(EXIT[report.verdict]); // what hangs is not waited for
  return report.verdict;
}
