import { print, printJson } from '../../base/log.ts';
import { counted } from '../../base/words.ts';
import { readStep } from '../../changes/find.ts';
import { readOverview, type StepSummary } from '../../changes/overview.ts';
import { KINDS_OF_CHANGE, type KindOfChange, type Step } from '../../changes/step.ts';
import { type ChangesSettings, changesSettings } from '../../settings/commands/changes/changes.ts';
import type { Given } from '../../settings/read.ts';
import { databasesOf, openReadMirror, type ReadMirror } from './mirror.ts';
import { countsText, MARKS, whenBuilt } from './text.ts';

/** Versions of each database that are shown where nobody asks for more. */
const SHOWN_VERSIONS = 10;

/** `clamav-mirror changes`: what changed with each version, signature by signature. */
export async function changes(
  url: string | undefined,
  given: Given,
  json: boolean,
): Promise<'good' | 'failed'> {
  const settings = changesSettings(url, given);
  await using mirror = await openReadMirror(settings.place);
  const found: Found[] = [];
  for (const database of databasesOf(mirror, settings.database)) {
    const known = await readOverview(mirror.read, database);
    found.push({ database, known, steps: await stepsOf(database, known, settings, mirror) });
  }
  if (json) printJson(process.stdout, jsonOf(mirror, found));
  else print(process.stdout, linesOf(mirror, found, settings));
  return found.some(({ steps }) => steps.length > 0) ? 'good' : 'failed';
}

interface Found {
  readonly database: string;
  readonly known: readonly StepSummary[];
  readonly steps: readonly (Step | StepSummary)[];
}

/** Versions that are asked for; with their names if somebody asks for versions or for a text. */
async function stepsOf(
  database: string,
  known: readonly StepSummary[],
  { from = 0, to = Number.POSITIVE_INFINITY, grep, ...rest }: ChangesSettings,
  { read }: ReadMirror,
): Promise<(Step | StepSummary)[]> {
  const asked = known.filter((one) => one.to > from && one.to <= to);
  if (from === 0 && to === Number.POSITIVE_INFINITY && grep === undefined)
    return rest.database === undefined ? asked.slice(-SHOWN_VERSIONS) : asked;
  const steps: Step[] = [];
  for (const summary of asked) {
    const step = await readStep(read, database, summary);
    const matching = step && (grep === undefined ? step : withNames(step, grep.toLowerCase()));
    if (matching !== undefined) steps.push(matching);
  }
  return steps;
}

/** The step with the names that have this text; `undefined` if none has. */
function withNames(step: Step, text: string): Step | undefined {
  const files = step.files.flatMap(({ file, ...lists }) => {
    const matching = KINDS_OF_CHANGE.flatMap((kind) => {
      const names = lists[kind]?.names.filter((name) => name.toLowerCase().includes(text)) ?? [];
      return names.length === 0 ? [] : [[kind, { lines: names.length, names }] as const];
    });
    return matching.length === 0 ? [] : [{ file, ...Object.fromEntries(matching) }];
  });
  return files.length === 0 ? undefined : { ...step, files };
}

function jsonOf({ where, manifest }: ReadMirror, found: readonly Found[]) {
  const databases = found.map(({ database, steps }) => [
    database,
    { served: manifest.databases[database]?.version ?? null, versions: steps },
  ]);
  return { mirror: where, databases: Object.fromEntries(databases) };
}

function linesOf(
  { where, manifest }: ReadMirror,
  found: readonly Found[],
  { grep, database: one }: ChangesSettings,
): string[] {
  return found.flatMap(({ database, known, steps }) => {
    const [first, last] = [known[0], known.at(-1)];
    if (first === undefined || last === undefined)
      return [`${database}: ${where} has no list of changes yet; a sync makes them`];
    const kept = `${counted(known.length, 'version')} since ${first.from}`;
    if (steps.length === 0)
      return [
        `${database}: nothing ${grep === undefined ? 'in these versions' : `with "${grep}"`}, of ${kept}`,
      ];
    const more = steps.length < known.length && one === undefined && !('files' in (steps[0] ?? {}));
    return [
      `${database} (${manifest.databases[database]?.version ?? 'none'} is served, ${kept} are known)`,
      ...steps.flatMap(stepLines),
      ...(more ? [`  all of them: clamav-mirror changes --database ${database}`] : []),
    ];
  });
}

function stepLines(step: Step | StepSummary): string[] {
  const isJump = step.to > step.from + 1 ? ` (from ${step.from})` : '';
  const head = `  ${step.to}${isJump}  ${whenBuilt(step)}  ${countsText(step)}`;
  if (!('files' in step)) return [head];
  return [head, ...step.files.flatMap((file) => KINDS_OF_CHANGE.flatMap((kind) => namesOf(file, kind)))];
}

function namesOf(change: Step['files'][number], kind: KindOfChange): string[] {
  const { names = [], nameless = 0, unknown = 0, cut = 0 } = change[kind] ?? {};
  const mark = `    ${MARKS[kind]} ${change.file}`;
  return [
    ...names.map((name) => `${mark}  ${name}`),
    ...(nameless > 0 ? [`${mark}  ${counted(nameless, 'line')} without a name`] : []),
    ...(unknown > 0 ? [`${mark}  ${counted(unknown, 'line')} whose name is not known`] : []),
    ...(cut > 0
      ? [`${mark}  ${counted(cut, 'more name')}, left out because the list would be too long`]
      : []),
  ];
}
