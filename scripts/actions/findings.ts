import type { Log } from '../log.ts';
import { plain, table } from '../notify/markdown.ts';
import type { Finding } from '../probe/finding.ts';

/** What a probe or the watchdog found, the worst first. */
export function findingsSummary(title: string, findings: readonly Finding[]): string {
  const order = ['fault', 'warning', 'good'] as const;
  const of = (verdict: Finding['verdict']) => findings.filter((finding) => finding.verdict === verdict);
  const marks = { fault: '❌', warning: '⚠️', good: '✅' } as const;
  const counts = order.map((verdict) => `${of(verdict).length} ${verdict}`).join(', ');
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

/** What is not as it should be, as annotations. */
export function warnOf(findings: readonly Finding[], log: Log): void {
  for (const { subject, check, verdict, what, advice } of findings) {
    if (verdict === 'good') continue;
    log.warn(`${subject} ${check}: ${what}${advice === undefined ? '' : `. ${advice}`}`);
  }
}
