import { counted } from '../base/words.ts';
import { classify, namesIn } from '../cycle/adopt/folder-names.ts';
import type { DoctorContext } from './context.ts';
import { bad, good, type Seen, skipped } from './finding.ts';

/** The folder to adopt can be read and holds files of the databases, by their names; `sync` proves them. */
export async function checkAdopted({ settings: { sync } }: DoctorContext): Promise<Seen> {
  const { adopt, databases } = sync;
  if (adopt === undefined) return skipped('none is named by --adopt');
  const found = (await namesIn(adopt)).map((name) => classify(name, databases));
  const counts = KINDS.flatMap(([kind, words]) => {
    const count = found.filter((one) => 'kind' in one && one.kind === kind).length;
    return count === 0 ? [] : [counted(count, words)];
  });
  if (found.some((one) => 'kind' in one && one.kind !== 'sign'))
    return good(`${adopt} has ${counts.join(', ')}`);
  return bad(
    `${adopt} has no CVD, CLD or CDIFF of ${databases.join(', ')}`,
    'Name the folder that holds the databases themselves: cvd config show tells that of cvdupdate',
  );
}

const KINDS = [
  ['cvd', 'CVD'],
  ['cld', 'CLD'],
  ['cdiff', 'CDIFF'],
  ['sign', '.sign file'],
] as const;
