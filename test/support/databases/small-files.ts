import type { GeneratedFile } from './big-file.ts';
import { signatureLine } from './signatures.ts';

/** Files of a daily that hold little, with all that CDIFFs do to a file as a whole on the way to version 2. */
export function smallFiles(database: string): GeneratedFile[] {
  return SMALL_FILES.map((story) => new SmallFile(database, story));
}

interface SmallFileStory {
  readonly extension: string;
  /** Its content in each version, the last one for all later ones; `undefined` where it does not exist. */
  readonly contents: readonly (string | undefined)[];
  /** The commands that lead to version 2, with `@` for the database's name. */
  readonly step?: string;
}

/** One of the many files that hold little, and what CDIFFs do to files as a whole. */
class SmallFile implements GeneratedFile {
  readonly name: string;
  readonly #story: SmallFileStory;
  readonly #database: string;

  constructor(database: string, story: SmallFileStory) {
    this.name = `${database}.${story.extension}`;
    this.#database = database;
    this.#story = story;
  }

  existsIn(version: number): boolean {
    return this.#text(version) !== undefined;
  }

  content(version: number): Buffer[] {
    return [Buffer.from(this.#text(version) ?? '')];
  }

  script(version: number): Buffer[] {
    const step = version === 2 ? this.#story.step : undefined;
    return [Buffer.from(step?.replaceAll('@', this.#database) ?? '')];
  }

  #text(version: number): string | undefined {
    const { contents } = this.#story;
    return contents[Math.min(version, contents.length) - 1];
  }
}

const LINE_OF_COMMENT = '# There must always be one line in the file\n';
const constant = (extension: string): SmallFileStory => ({ extension, contents: [LINE_OF_COMMENT] });

/** Signatures that no large file has. */
const [NEW, MOVED] = [
  [0, 1].map((id) => signatureLine('hsb', 10_000_000 + id)),
  [0, 1, 2].map((id) => signatureLine('mdb', 10_000_000 + id)),
];
const HOST = signatureLine('mdb', 10_000_003);

/** Every other extension of daily; one file is new in version 2, one is gone, and lines move between two. */
const SMALL_FILES: readonly SmallFileStory[] = [
  ...['cfg', 'crb', 'cdb', 'fp'].map(constant),
  { extension: 'hdu', contents: [LINE_OF_COMMENT, undefined], step: 'UNLINK @.hdu\n' },
  {
    extension: 'hsu',
    contents: [undefined, NEW.join('')],
    step: ['OPEN @.hsu\n', ...NEW.map((line) => `ADD ${line}`), 'CLOSE\n'].join(''),
  },
  {
    extension: 'msu',
    contents: [MOVED.join(''), MOVED.slice(0, 1).join('')],
    step: `MOVE @.msu @.mdu 2 ${MOVED[1]?.slice(0, 16)} 3 ${MOVED[2]?.slice(0, 16)}\n`,
  },
  { extension: 'mdu', contents: [HOST, HOST + MOVED.slice(1).join('')] },
  ...['idb', 'ign2', 'ldu', 'ndu', 'pdb', 'sfp', 'wdb'].map(constant),
];
