/** Names of the signatures whose lines a step added to a file, removed from it, or exchanged. */
export interface ChangedNames {
  /** Number of lines. Several may have one name. */
  readonly lines: number;
  /** Different names, sorted. */
  readonly names: readonly string[];
  /** Lines that name nothing: comments, empty lines, the inside of a YARA rule. */
  readonly nameless?: number;
  /** Lines whose names nobody knows, for a CDIFF alone quotes too little of them. */
  readonly unknown?: number;
  /** Names that were left out because the list would be too long. */
  readonly cut?: number;
}

export const KINDS_OF_CHANGE = ['added', 'removed', 'exchanged'] as const;
export type KindOfChange = (typeof KINDS_OF_CHANGE)[number];

/** Changes of one file of a database. A name of which a line was removed and another one added was exchanged. */
export interface FileChange extends Readonly<Partial<Record<KindOfChange, ChangedNames>>> {
  readonly file: string;
  /** True if the file was removed, and nobody knows how many lines it had. */
  readonly gone?: true;
}

/**
 * Source of a step's changes: a CDIFF and the database before it; a CDIFF without that, which quotes only the beginning
 * of each line that it removes; or the databases before and after.
 */
export const SOURCES = ['cdiff', 'cdiff alone', 'databases'] as const;

/** Changes from one version of a database to a later one. */
export interface Step {
  readonly database: string;
  readonly from: number;
  readonly to: number;
  /** Time at which Talos built the later version, if it is known. */
  readonly built?: string;
  readonly source: (typeof SOURCES)[number];
  readonly files: readonly FileChange[];
}

/** Lines that a step added, removed and exchanged, in all its files. */
export type Counts = Readonly<Record<KindOfChange, number>>;

export function countsOf({ files }: Pick<Step, 'files'>): Counts {
  const sum = (kind: KindOfChange) => files.reduce((total, file) => total + (file[kind]?.lines ?? 0), 0);
  return { added: sum('added'), removed: sum('removed'), exchanged: sum('exchanged') };
}
