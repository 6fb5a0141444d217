import { bytes, counted, moment, took } from '../base/words.ts';
import type { AdoptionReport } from '../cycle/adopt/adoption.ts';
import { adoptionLines } from '../cycle/adopt/adoption-lines.ts';
import type { CycleReport, DatabaseReport } from '../cycle/report.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { PROOF_TXT } from '../mirror/pages.ts';
import { link, plain, table } from '../notify/escape.ts';
import type { Proof, ScenarioResult } from '../proof/record.ts';
import { MANIFEST } from '../store/store.ts';

const TITLES: Readonly<Record<CycleReport['outcome'], string>> = {
  published: '✅ Published',
  proven: '✅ Proven, not published: a dry run',
  unchanged: '✅ Nothing new',
  refused: '⛔ Refused: something that upstream offers could not be proven',
  failed: '❌ Failed',
};

/**
 * Writes the summary of a cycle, to be read in ten seconds: the result of each database, the bytes from upstream, the proof,
 * and what clients get now. `manifest`: the one that is published after the cycle.
 */
export function cycleSummary(
  report: CycleReport,
  { manifest, publicUrl }: { manifest: Manifest | undefined; publicUrl: string | undefined },
): string {
  const { outcome, databases, proof, error } = report;
  const rows = Object.entries(databases)
    .sort(([, one], [, other]) => Number(isFault(other)) - Number(isFault(one)))
    .map(([database, one]) => rowOf(database, one));
  const saved = savedBy(report, manifest);
  return [
    `## ${TITLES[outcome]}`,
    ...(error === undefined ? [] : [`**${plain(error.code)}**: ${plain(error.message)}`]),
    ...(rows.length === 0 ? [] : [table(['Database', 'Before', 'Now', 'How', 'From upstream'], rows)]),
    [
      `**${bytes(report.upstreamBytes)}** taken from upstream`,
      ...(saved > 0 ? [`**${bytes(saved)}** saved by rebuilding`] : []),
      took(report.duration),
    ].join(' · '),
    ...Object.entries(databases).flatMap(([database, { notes, because }]) => [
      ...notes.map((note) => `- ${plain(database)}: ${plain(note)}`),
      ...(because === undefined ? [] : [`- ${plain(database)} was downloaded whole: ${plain(because)}`]),
    ]),
    ...(report.adoption === undefined ? [] : [adoptionSection(report.adoption)]),
    ...(proof === null ? [] : [proofSection(proof)]),
    servingLine(manifest, publicUrl),
    '',
  ].join('\n\n');
}

function rowOf(
  database: string,
  { outcome, from, to, how, offered, upstreamBytes, reason }: DatabaseReport,
): string[] {
  const told = isFault({ outcome })
    ? `**${outcome}**${offered === undefined ? '' : ` ${offered}`}: ${plain(reason ?? '')}`
    : plain(how);
  return [plain(database), String(from ?? '–'), String(to ?? '–'), told, bytes(upstreamBytes)];
}

function isFault({ outcome }: Pick<DatabaseReport, 'outcome'>): boolean {
  return outcome === 'refused' || outcome === 'failed';
}

/** Bytes of the rebuilt CVDs, less the bytes that were downloaded for them. */
function savedBy({ databases }: CycleReport, manifest: Manifest | undefined): number {
  const saved = Object.entries(databases).map(([database, { outcome, how, upstreamBytes }]) =>
    outcome === 'published' && how === 'rebuilt'
      ? (manifest?.databases[database]?.size ?? 0) - upstreamBytes
      : 0,
  );
  return saved.reduce((sum, count) => sum + Math.max(0, count), 0);
}

/** What became of the files of an adopted folder. */
function adoptionSection(adoption: AdoptionReport): string {
  const [title = '', ...lines] = adoptionLines(adoption).map(plain);
  return [`### Adoption: ${title}`, lines.map((line) => `- ${line}`).join('\n')].join('\n\n');
}

function proofSection(proof: Proof): string {
  const { results, accepted, passed, duration } = proof;
  const failures = results.filter(({ result }) => result === 'failed');
  return [
    `### ${passed ? 'Proof' : 'The proof failed'} (${took(duration)})`,
    ...(accepted === undefined ? [] : [`Accepted because: ${plain(accepted.reason)}`]),
    ...failures.map(
      ({ engine, scenario, evidence }) =>
        `- **${plain(scenario)}** (${plain(engine)}): ${plain(evidence.slice(0, 1000))}`,
    ),
    ...proofTables(proof),
  ].join('\n\n');
}

/** Tables of the proof: failed scenarios first and in sight, the others folded below. */
function proofTables({ engines, results }: Proof): string[] {
  const scenarios = [...new Set(results.map(({ scenario }) => scenario))];
  const cell = (scenario: string, engine: string) =>
    mark(results.find((one) => one.scenario === scenario && one.engine === engine));
  const head = [
    'Scenario',
    ...engines.map(({ name, version }) => `${plain(name)}, ClamAV ${plain(version)}`),
  ];
  const rowsOf = (wanted: readonly string[]) =>
    wanted.map((scenario) => [plain(scenario), ...engines.map(({ name }) => cell(scenario, name))]);
  const failed = scenarios.filter((scenario) =>
    results.some((one) => one.scenario === scenario && one.result === 'failed'),
  );
  const good = scenarios.filter((scenario) => !failed.includes(scenario));
  const fold = `<details><summary>${counted(good.length, 'scenario')} without a fault</summary>`;
  return [
    ...(failed.length === 0 ? [] : [table(head, rowsOf(failed))]),
    ...(good.length === 0 ? [] : [fold, table(head, rowsOf(good)), '</details>']),
  ];
}

const MARKS = { passed: '✅', failed: '❌', skipped: 'skipped' } as const;

function mark(result: ScenarioResult | undefined): string {
  if (result === undefined) return '';
  return result.result === 'skipped' ? MARKS.skipped : `${MARKS[result.result]} ${took(result.duration)}`;
}

function servingLine(manifest: Manifest | undefined, publicUrl: string | undefined): string {
  if (manifest === undefined) return 'Nothing is published.';
  const versions = Object.entries(manifest.databases).map(
    ([name, { version, held }]) =>
      `${plain(name)} ${version}${held === undefined ? '' : ` (pinned since ${moment(held.since)}: ${plain(held.reason)})`}`,
  );
  const links =
    publicUrl === undefined
      ? []
      : [
          link('status page', `${publicUrl}/`),
          link('latest changes', `${publicUrl}/#changes`),
          link('manifest', `${publicUrl}/${MANIFEST}`),
          link('proof', `${publicUrl}/${PROOF_TXT}`),
        ];
  const now = `Clients get ${versions.join(', ')}, published ${moment(manifest.published)}, checked ${moment(manifest.checked)}`;
  return [now, ...links].join(' · ');
}
