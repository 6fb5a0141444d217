import { parseFileName } from '../../cvd/names.ts';
import type { Cycle } from '../context.ts';
import type { Update } from '../database.ts';
import type { DatabaseReport } from '../report.ts';
import type { AdoptedDatabase, FileOutcome } from './adoption.ts';
import { whyNot } from './why.ts';

/** What a turn made of one database. */
interface Outcome {
  readonly update: Update;
  /** True if something new of it is published, or would be if this were no dry run. */
  readonly isDone: boolean;
  /** Reason why not. */
  readonly why: string | undefined;
  /** Names of files that the turn took. */
  readonly taken: ReadonlySet<string>;
}

/** Writes down what a turn made of the files of the adopted folder. */
export function settle(cycle: Cycle, reports: Readonly<Record<string, DatabaseReport>>): void {
  const { adoption, progress } = cycle;
  if (adoption === undefined) return;
  const taken = new Set(adoption.taken());
  for (const update of progress.updates) {
    const { outcome, reason } = reports[update.database] ?? {};
    const isDone = update.isNew && (outcome === 'published' || outcome === 'proven');
    const why = update.error === undefined ? reason : whyNot(update.error);
    const found = { update, isDone, why: isDone ? undefined : why, taken };
    for (const one of adoption.databasesOf(update.database))
      adoption.note(one.name, ...fateOfDatabase(one, found));
    for (const name of adoption.smallFiles) {
      if (parseFileName(name)?.database === update.database)
        adoption.note(name, ...fateOfSmall(name, found, cycle));
    }
  }
}

type Fate = readonly [outcome: FileOutcome, reason?: string];

function fateOfDatabase(
  { name, kind, verified }: AdoptedDatabase,
  { update, isDone, why, taken }: Outcome,
): Fate {
  const { how, record, because } = update;
  const { version } = verified.header;
  if (isDone && taken.has(name) && how === 'adopted') return ['adopted'];
  if (isDone && taken.has(name) && how === 'rebuilt') return ['base'];
  if (record !== undefined && record.version >= version && !taken.has(name))
    return ['not needed', `it is version ${version}, and ${record.version} is published`];
  const seal = kind === 'cld' ? [SEAL] : [];
  return ['not used', [...seal, why ?? because ?? 'nothing new was published'].join(': ')];
}

const SEAL = 'the CVD can be made of it with its signed header, which only upstream has';

/** A CDIFF or `.sign`. */
function fateOfSmall(
  name: string,
  { isDone, why, taken }: Outcome,
  { stage, published }: Pick<Cycle, 'stage' | 'published'>,
): Fate {
  if (isDone && taken.has(name) && stage.files.has(name)) return ['adopted'];
  if (published.manifest?.files[name] !== undefined) return ['not needed', 'it is published already'];
  return why === undefined ? ['not needed', 'nothing that is published needs it'] : ['not used', why];
}
