import type { Log } from '../base/log.ts';
import { counted } from '../base/words.ts';
import { plain, table } from '../notify/escape.ts';
import type { Finding } from '../probe/finding.ts';

/** Writes the findings of a probe or the watchdog, the worst first. */
export function findingsSummary(title: string, findings: readonly Finding[]): string {
  const order = ['fault', 'warning', 'good'] as const;
  const of = (verdict: Finding['verdict']) => findings.filter((finding) => finding.verdict === verdict);
  const marks = { fault: '❌', warning: '⚠️', good: '✅' } as const;
  const counts = [
    counted(of('fault').length, 'fault'),
    counted(of('warning').length, 'warning'),
    `${of('good').length} good`,
  ].join(', ');
  const rows = order
    .flatMap(of)
    .map(({ subject, check, verdict, what, advice }) => [
      marks[verdict],
      `${plain(subject)} ${plain(check)}`,
      plain(what),
      plain(advice ?? ''),
    ]);
  return [
    `## ${of('fault').length === 0 ? '✅' : '❌'} ${plain(title)}: ${counts}`,
    table(['', 'Check', 'Found', 'What to do'], rows),
    '',
  ].join('\n\n');
}

/** Logs each finding; warnings and faults become annotations. */
export function logFindings(findings: readonly Finding[], log: Log): void {
  for (const { subject, check, verdict, what, advice } of findings) {
    const line = `${subject} ${check}: ${what}`;
    if (verdict === 'good') log.info(line);
    else log.warn(`${line}${advice === undefined ? '' : `. ${advice}`}`);
  }
}
