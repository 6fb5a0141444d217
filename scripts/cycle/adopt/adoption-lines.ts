import { counted } from '../../base/words.ts';
import type { AdoptedFile, AdoptionReport, FileOutcome } from './adoption.ts';

const WORDS: Readonly<Record<FileOutcome, string>> = {
  adopted: 'adopted',
  base: 'base of a rebuild',
  'not needed': 'not needed',
  'not used': 'not used',
  unproven: 'cannot be proven',
  foreign: 'not ClamAV’s',
};
/** Names of other people's files in one line; `--json` has all. */
const FOREIGN_SHOWN = 10;

/** Says of each file of an adopted folder what became of it: one line for those that fared alike. */
export function adoptionLines({ folder, files }: AdoptionReport): string[] {
  const lines = Object.entries(WORDS).flatMap(([outcome, words]) => {
    const alike = Map.groupBy(
      files.filter((file) => file.outcome === outcome),
      ({ reason = '' }) => (outcome === 'foreign' ? '' : reason),
    );
    return [...alike].map(([reason, group]) => {
      const names = outcome === 'foreign' ? shown(group) : ranges(group.map(({ name }) => name)).join(', ');
      return `${words}${reason === '' ? '' : ` (${reason})`}: ${names}`;
    });
  });
  return [`of the ${counted(files.length, 'file')} in ${folder}:`, ...lines];
}

function shown(files: readonly AdoptedFile[]): string {
  const names = files.slice(0, FOREIGN_SHOWN).map(({ name }) => name);
  const more = files.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Names in which versions follow one another, as one: `daily-28001.cdiff to daily-28030.cdiff`. */
function ranges(names: readonly string[]): string[] {
  const numbered = names.map((name) => {
    const [, start, version, end] = /^(.+-)([1-9]\d{0,9})(\..+)$/.exec(name) ?? [];
    return { name, kind: `${start} ${end}`, version: version === undefined ? Number.NaN : Number(version) };
  });
  numbered.sort((a, b) => a.kind.localeCompare(b.kind) || a.version - b.version);
  const found: { first: string; last: string; kind: string; version: number }[] = [];
  for (const { name, kind, version } of numbered) {
    const before = found.at(-1);
    if (before?.kind === kind && before.version + 1 === version)
      Object.assign(before, { last: name, version });
    else found.push({ first: name, last: name, kind, version });
  }
  return found.map(({ first, last }) => (first === last ? first : `${first} to ${last}`));
}
