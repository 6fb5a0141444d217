import type { Log } from '../base/log.ts';
import { kindOf } from '../doctor/doctor-table.ts';
import type { Finding } from '../doctor/finding.ts';
import { plain, table } from '../notify/escape.ts';
import { doctorSettings } from '../settings/commands/doctor.ts';
import { runDoctor } from '../wiring/run-doctor.ts';
import type { Prepare } from './action-command.ts';

/** Checks what this job and these settings can do. Opens no issue: whoever runs it reads the result. */
export const doctor: Prepare = (given) => {
  const settings = doctorSettings(given);
  return async ({ log }) => {
    const { verdict, findings } = await runDoctor(settings);
    for (const finding of findings) logFinding(finding, log);
    return { verdict, outputs: { outcome: verdict }, summary: doctorSummary(findings) };
  };
};

const MARKS = { good: '✅', bad: '❌', skipped: '➖' } as const;

export function doctorSummary(findings: readonly Finding[]): string {
  const faults = findings.filter((finding) => kindOf(finding) === 'bad').length;
  const title = faults === 0 ? '✅ Fit to sync' : `❌ ${faults} to mend before a sync`;
  const rows = findings.map((finding) => [
    MARKS[kindOf(finding)],
    plain(finding.check),
    plain(finding.found),
    plain(adviceIn(finding)),
  ]);
  return [`## ${title}`, table(['', 'Check', 'Found', 'What to do'], rows), ''].join('\n\n');
}

function logFinding(finding: Finding, log: Log): void {
  const advice = adviceIn(finding);
  const line = `${finding.check}: ${finding.found}${advice === '' ? '' : `. ${advice}`}`;
  if (kindOf(finding) === 'bad') log.warn(line);
  else log.info(line);
}

function adviceIn(finding: Finding): string {
  return 'advice' in finding ? (finding.advice ?? '') : '';
}
