import type { DatabaseRecord } from '../../mirror/manifest.ts';
import type { Proof } from '../../proof/record.ts';

/** Share by which the signatures of a database may fall unless a setting says otherwise; 0.2 for 20 %. */
export const SIGNATURE_DROP = 0.2;
/** A version may be this many times as large as the one before, or as small, and some bytes more or less. */
const SIZE_FACTOR = 2;
const SIZE_SLACK = 1_000_000;
/** A file or count that keeps less than this share has collapsed. */
const COLLAPSED_SHARE = 0.1;
/** A file of fewer bytes says nothing by becoming shorter. */
const MEMBER_SIZE = 256;
/** Databases between which signatures move: from daily to main when main is made anew. */
export const FAMILY: readonly string[] = ['main', 'daily'];

/**
 * Kinds of implausible change: the version goes `back`, the build time is `older`, there is less of it (`fewer`) or next to nothing
 * (`collapsed`), it is `larger`, or a file in it collapsed (`member`, with its name).
 */
export type FindingKind = 'back' | 'older' | 'fewer' | 'collapsed' | 'larger' | `member ${string}`;

export interface Finding {
  readonly kind: FindingKind;
  /** True for a fall of the count of signatures, for which there is a setting. */
  readonly isDrop?: boolean;
  /** A sentence that names the database. */
  readonly what: string;
}

/** Bytes of the files in a database, by name. */
export type Members = ReadonlyMap<string, number>;

/** A database that goes from one version to another. */
export interface Step {
  readonly database: string;
  readonly published: Figures | undefined;
  readonly next: Figures;
  /** As far as both containers were read. */
  readonly members?: { readonly published: Members; readonly next: Members } | undefined;
}

type Figures = Pick<DatabaseRecord, 'version' | 'built' | 'signatures' | 'size'>;

/**
 * Finds implausible changes between the published and the next version of a database: changes that no signature and no
 * engine would notice, and that a mass of clients should not get unseen. `others`: the steps of the databases that are
 * published with it. With a share that somebody set, the signatures of a database are looked at by themselves.
 */
export function implausibleIn(
  step: Step,
  others: readonly Step[],
  { maxSignatureDrop }: { readonly maxSignatureDrop: number | undefined },
): Finding[] {
  const { database, published, next } = step;
  if (published === undefined) return [];
  const family = FAMILY.includes(database)
    ? others.filter((other) => other.database !== database && FAMILY.includes(other.database))
    : [];
  const findings: Finding[] = [];
  const find = (kind: FindingKind, what: string, isDrop = false) =>
    findings.push({ kind, what: `${database}: ${what}`, ...(isDrop && { isDrop }) });
  if (next.version < published.version) {
    find('back', `its version goes back from ${published.version} to ${next.version}`);
  }
  if (Date.parse(next.built) < Date.parse(published.built)) {
    find('older', `its build time goes back from ${published.built} to ${next.built}`);
  }
  const drop = maxSignatureDrop ?? SIGNATURE_DROP;
  const moved = maxSignatureDrop === undefined ? gainOf(family, ({ signatures }) => signatures) : 0;
  if (next.signatures + moved < published.signatures * (1 - drop)) {
    const kind = lessKind(next.signatures + moved, published.signatures);
    const what = `its signatures fall from ${published.signatures} to ${next.signatures}, by more than ${drop * 100} %`;
    find(kind, what, true);
  }
  const gained = gainOf(family, ({ size }) => size);
  const lost = gainOf(family, ({ size }) => -size);
  if (next.size + gained < published.size / SIZE_FACTOR - SIZE_SLACK) {
    const kind = lessKind(next.size + gained, published.size);
    find(kind, `its size goes from ${published.size} to ${next.size} bytes`);
  }
  if (next.size - lost > published.size * SIZE_FACTOR + SIZE_SLACK) {
    find('larger', `its size goes from ${published.size} to ${next.size} bytes`);
  }
  for (const { name, from, to } of collapsedMembers(step, family)) {
    const now = to === undefined ? 'is gone' : `falls to ${to}`;
    find(`member ${name}`, `${name} in it had ${from} bytes, and ${now}`);
  }
  return findings;
}

/** The same for a database that no engine of a proof understands as a whole. */
export function beyondEngines(database: string, { fLevel }: DatabaseRecord, { engines }: Proof): string[] {
  const highest = Math.max(...engines.map((engine) => engine.fLevel ?? 0));
  if (fLevel <= highest) return [];
  return [`${database}: its f-level ${fLevel} is beyond every engine's, the highest of which is ${highest}`];
}

function lessKind(left: number, before: number): 'fewer' | 'collapsed' {
  return left < before * COLLAPSED_SHARE ? 'collapsed' : 'fewer';
}

/** Sums the gains of those databases that grow. */
function gainOf(family: readonly Step[], count: (figures: Figures) => number): number {
  return family.reduce((sum, { published, next }) => {
    return sum + (published === undefined ? 0 : Math.max(0, count(next) - count(published)));
  }, 0);
}

interface Collapsed {
  readonly name: string;
  readonly from: number;
  readonly to: number | undefined;
}

/** In the sums of a database, a small file goes unseen: `daily.ign2`, which takes false alarms back, has 1 of 10,000 bytes. */
function collapsedMembers({ members }: Step, family: readonly Step[]): Collapsed[] {
  if (members === undefined) return [];
  const collapsed: Collapsed[] = [];
  for (const [name, from] of members.published) {
    const to = members.next.get(name);
    const kind = extensionOf(name);
    const gained = family.reduce((sum, other) => sum + Math.max(0, gainOfMembers(other, kind)), 0);
    if (from >= MEMBER_SIZE && (to ?? 0) + gained < from * COLLAPSED_SHARE)
      collapsed.push({ name, from, to });
  }
  return collapsed;
}

function gainOfMembers({ members }: Step, extension: string): number {
  if (members === undefined) return 0;
  const sizeIn = (files: Members) =>
    [...files].reduce((sum, [name, size]) => sum + (extensionOf(name) === extension ? size : 0), 0);
  return sizeIn(members.next) - sizeIn(members.published);
}

function extensionOf(name: string): string {
  return name.slice(name.lastIndexOf('.'));
}
