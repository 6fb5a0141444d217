/**
 * Facts about freshclam and clamscan 1.5.3, measured with the real ones (July 2026): a mirror of the database `test`, version
 * 6, Talos' own, signed anew under a root of ours; two runs of freshclam, then one of clamscan. A line says
 *
 * - `FIPS`, or `off`;
 * - the client: `1+` has version 1 and its `.sign`, `1` has it without, `5.cld` a CLD, `fresh` nothing; `private` is a
 *   PrivateMirror, `whole` has ScriptedUpdates off;
 * - the exit codes of both runs, the version and kind of the database that is there then (`+`: with its `.sign`), and the
 *   exit code of clamscan;
 * - what the first run asked for, and what the second: `L` and `H` the headers of the CLD and CVD, `C` the CVD, `S` its
 *   `.sign`, `d2` and `s2` the CDIFF to version 2 and its `.sign`; `ds2-6` is `d2 s2 d3 s3 …`; `=404` is an answer;
 * - the states of the mirror in which this was so: `no-S` lacks it, `bad-S` has a wrong one, `S-of-5` that of another file,
 *   `old-S` one that has expired, `level-S` one for f-levels from 300, `page-S` an HTML page; `none-403` has no `.sign` and
 *   answers 403 for what is missing, `s-429` so for each `.sign`.
 *
 * The client of `other-root` never has a `.sign`.
 */
const ONE_ATTEMPT = `
  off | fresh | 0/0 6.cvd+ 0 | H C S | H | all no-s4 bad-s4 bad-s6 level-S page-S all-403
  off | fresh | 0/0 6.cvd 0 | H C S=404 | H S=404 | none no-S
  off | fresh | 7/7 - 2 | H C S | H C S | bad-S other-root S-of-5 old-S
  off | fresh | 0/0 6.cvd 0 | H C S | H S | empty-S
  off | fresh | 0/0 6.cvd 0 | H C S=403 | | none-403
  off | fresh | 0/0 6.cvd 0 | H C S=429 | | s-429
  off | fresh | 0/0 6.cvd 0 | H C S=500 | H S=500 | s-500
  off | 1+ | 0/0 6.cld 0 | H ds2-6 | H | all no-S bad-S S-of-5 old-S level-S page-S empty-S all-403
  off | 1+ | 0/0 6.cld 0 | H ds2-6=404 | H | none
  off | 1+ | 0/0 6.cld 0 | H ds2-3 d4 s4=404 d5 s5 d6 s6 | H | no-s4
  off | 1+ | 0/0 6.cvd+ 0 | H ds2-4 C S | H | bad-s4
  off | 1+ | 0/0 6.cvd+ 0 | H ds2-6 C S | H | bad-s6
  off | 1+ | 7/7 1.cvd 0 | H d2 s2 C S | H d2 s2 C S | other-root
  off | 1+ | 0/0 6.cld 0 | H ds2-6=403 | H | none-403
  off | 1+ | 0/0 6.cld 0 | H ds2-6=429 | H | s-429
  off | 1+ | 0/0 6.cld 0 | H ds2-6=500 | H | s-500
  off | 1 | 0/0 6.cld 0 | H ds2-6 | H | all no-S bad-S S-of-5 old-S level-S page-S empty-S all-403
  off | 1 | 0/0 6.cld 0 | H ds2-6=404 | H | none
  off | 1 | 0/0 6.cld 0 | H ds2-3 d4 s4=404 d5 s5 d6 s6 | H | no-s4
  off | 1 | 0/0 6.cvd+ 0 | H ds2-4 C S | H | bad-s4
  off | 1 | 0/0 6.cvd+ 0 | H ds2-6 C S | H | bad-s6
  off | 1 | 7/7 1.cvd 0 | H d2 s2 C S | H d2 s2 C S | other-root
  off | 1 | 0/0 6.cld 0 | H ds2-6=403 | H | none-403
  off | 1 | 0/0 6.cld 0 | H ds2-6=429 | H | s-429
  off | 1 | 0/0 6.cld 0 | H ds2-6=500 | H | s-500
  off | 5+ | 0/0 6.cld 0 | H d6 s6 | H | all no-S no-s4 bad-S bad-s4 S-of-5 old-S level-S page-S empty-S all-403
  off | 5+ | 0/0 6.cld 0 | H d6 s6=404 | H | none
  off | 5+ | 0/0 6.cvd+ 0 | H d6 s6 C S | H | bad-s6
  off | 5+ | 7/7 5.cvd 0 | H d6 s6 C S | H d6 s6 C S | other-root
  off | 5+ | 0/0 6.cld 0 | H d6 s6=403 | H | none-403
  off | 5+ | 0/0 6.cld 0 | H d6 s6=429 | H | s-429
  off | 5+ | 0/0 6.cld 0 | H d6 s6=500 | H | s-500
  off | 5 | 0/0 6.cld 0 | H d6 s6 | H | all no-S no-s4 bad-S bad-s4 S-of-5 old-S level-S page-S empty-S all-403
  off | 5 | 0/0 6.cld 0 | H d6 s6=404 | H | none
  off | 5 | 0/0 6.cvd+ 0 | H d6 s6 C S | H | bad-s6
  off | 5 | 7/7 5.cvd 0 | H d6 s6 C S | H d6 s6 C S | other-root
  off | 5 | 0/0 6.cld 0 | H d6 s6=403 | H | none-403
  off | 5 | 0/0 6.cld 0 | H d6 s6=429 | H | s-429
  off | 5 | 0/0 6.cld 0 | H d6 s6=500 | H | s-500
  off | 5.cld | 0/0 6.cld 0 | H d6 s6 | H | all no-S no-s4 bad-S bad-s4 S-of-5 old-S level-S page-S empty-S all-403
  off | 5.cld | 0/0 6.cld 0 | H d6 s6=404 | H | none
  off | 5.cld | 0/0 6.cvd+ 0 | H d6 s6 C S | H | bad-s6
  off | 5.cld | 7/7 5.cld 0 | H d6 s6 C S | H d6 s6 C S | other-root
  off | 5.cld | 0/0 6.cld 0 | H d6 s6=403 | H | none-403
  off | 5.cld | 0/0 6.cld 0 | H d6 s6=429 | H | s-429
  off | 5.cld | 0/0 6.cld 0 | H d6 s6=500 | H | s-500
  off | private | 0/0 6.cvd+ 0 | L=404 H C S | L=404 H | all no-s4 bad-s4 bad-s6 level-S page-S
  off | private | 0/0 6.cvd 0 | L=404 H C S=404 | L=404 H S=404 | none no-S
  off | private | 7/7 - 2 | L=404 H C S | L=404 H C S | bad-S other-root S-of-5 old-S
  off | private | 0/0 6.cvd 0 | L=404 H C S | L=404 H S | empty-S
  off | private | 0/0 6.cvd 0 | L=403 H C S=403 | | none-403
  off | private | 0/0 6.cvd+ 0 | L=403 H C S | | all-403
  off | private | 0/0 6.cvd 0 | L=404 H C S=429 | | s-429
  off | private | 0/0 6.cvd 0 | L=404 H C S=500 | L=404 H S=500 | s-500
  off | private 1+ | 0/0 6.cvd+ 0 | L=404 H C S | L=404 H | all no-s4 bad-s4 bad-s6 level-S page-S
  off | private 1+ | 0/0 6.cvd 0 | L=404 H C S=404 | L=404 H S=404 | none no-S
  off | private 1+ | 7/7 1.cvd+ 0 | L=404 H C S | L=404 H C S | bad-S S-of-5 old-S
  off | private 1+ | 7/7 1.cvd 0 | L=404 H C S | L=404 H C S | other-root
  off | private 1+ | 0/0 6.cvd 0 | L=404 H C S | L=404 H S | empty-S
  off | private 1+ | 0/0 6.cvd 0 | L=403 H C S=403 | | none-403
  off | private 1+ | 0/0 6.cvd+ 0 | L=403 H C S | | all-403
  off | private 1+ | 0/0 6.cvd 0 | L=404 H C S=429 | | s-429
  off | private 1+ | 0/0 6.cvd 0 | L=404 H C S=500 | L=404 H S=500 | s-500
  off | 6 | 0/0 6.cvd+ 0 | H S | H | all no-s4 bad-s4 bad-s6 level-S page-S all-403
  off | 6 | 0/0 6.cvd 0 | H S=404 | H S=404 | none no-S
  off | 6 | 0/0 6.cvd+ 2 | H S | H | bad-S other-root S-of-5 old-S
  off | 6 | 0/0 6.cvd 0 | H S | H S | empty-S
  off | 6 | 0/0 6.cvd 0 | H S=403 | | none-403
  off | 6 | 0/0 6.cvd 0 | H S=429 | | s-429
  off | 6 | 0/0 6.cvd 0 | H S=500 | H S=500 | s-500
  off | whole 1+ | 0/0 6.cvd+ 0 | H C S | H | all no-s4 bad-s4 bad-s6 level-S page-S all-403
  off | whole 1+ | 0/0 6.cvd 0 | H C S=404 | H S=404 | none no-S
  off | whole 1+ | 7/7 1.cvd+ 0 | H C S | H C S | bad-S S-of-5 old-S
  off | whole 1+ | 7/7 1.cvd 0 | H C S | H C S | other-root
  off | whole 1+ | 0/0 6.cvd 0 | H C S | H S | empty-S
  off | whole 1+ | 0/0 6.cvd 0 | H C S=403 | | none-403
  off | whole 1+ | 0/0 6.cvd 0 | H C S=429 | | s-429
  off | whole 1+ | 0/0 6.cvd 0 | H C S=500 | H S=500 | s-500
  FIPS | fresh | 0/0 6.cvd+ 0 | H C S | H | all no-s4 bad-s4 bad-s6 all-403
  FIPS | fresh | 7/7 - 2 | H C S=404 | H C S=404 | none no-S
  FIPS | fresh | 7/7 - 2 | H C S | H C S | bad-S other-root S-of-5 old-S level-S page-S empty-S
  FIPS | fresh | 7/0 - 2 | H C S=403 | | none-403
  FIPS | fresh | 7/0 - 2 | H C S=429 | | s-429
  FIPS | fresh | 7/7 - 2 | H C S=500 | H C S=500 | s-500
  FIPS | 1+ | 0/0 6.cld 0 | H ds2-6 | H | all no-S bad-S S-of-5 old-S level-S page-S empty-S all-403
  FIPS | 1+ | 0/0 6.cld 0 | H ds2-6=404 | H | none
  FIPS | 1+ | 0/0 6.cld 0 | H ds2-3 d4 s4=404 d5 s5 d6 s6 | H | no-s4
  FIPS | 1+ | 0/0 6.cvd+ 0 | H ds2-4 C S | H | bad-s4
  FIPS | 1+ | 0/0 6.cvd+ 0 | H ds2-6 C S | H | bad-s6
  FIPS | 1+ | 7/7 1.cvd 2 | H C S | H C S | other-root
  FIPS | 1+ | 0/0 6.cld 0 | H ds2-6=403 | H | none-403
  FIPS | 1+ | 0/0 6.cld 0 | H ds2-6=429 | H | s-429
  FIPS | 1+ | 0/0 6.cld 0 | H ds2-6=500 | H | s-500
  FIPS | 1 | 0/0 6.cvd+ 0 | H C S | H | all no-s4 bad-s4 bad-s6 all-403
  FIPS | 1 | 7/7 1.cvd 2 | H C S=404 | H C S=404 | none no-S
  FIPS | 1 | 7/7 1.cvd 2 | H C S | H C S | bad-S other-root S-of-5 old-S level-S page-S empty-S
  FIPS | 1 | 7/0 1.cvd 2 | H C S=403 | | none-403
  FIPS | 1 | 7/0 1.cvd 2 | H C S=429 | | s-429
  FIPS | 1 | 7/7 1.cvd 2 | H C S=500 | H C S=500 | s-500
  FIPS | 5+ | 0/0 6.cld 0 | H d6 s6 | H | all no-S no-s4 bad-S bad-s4 S-of-5 old-S level-S page-S empty-S all-403
  FIPS | 5+ | 0/0 6.cld 0 | H d6 s6=404 | H | none
  FIPS | 5+ | 0/0 6.cvd+ 0 | H d6 s6 C S | H | bad-s6
  FIPS | 5+ | 0/0 5.cvd 2 | H | H | other-root
  FIPS | 5+ | 0/0 6.cld 0 | H d6 s6=403 | H | none-403
  FIPS | 5+ | 0/0 6.cld 0 | H d6 s6=429 | H | s-429
  FIPS | 5+ | 0/0 6.cld 0 | H d6 s6=500 | H | s-500
  FIPS | 5 | 0/0 5.cvd 2 | H | H | all none no-S no-s4 bad-S bad-s4 bad-s6 other-root S-of-5 old-S level-S page-S empty-S none-403 all-403 s-429 s-500
  FIPS | 5.cld | 0/0 6.cld 0 | H d6 s6 | H | all no-S no-s4 bad-S bad-s4 S-of-5 old-S level-S page-S empty-S all-403
  FIPS | 5.cld | 0/0 6.cld 0 | H d6 s6=404 | H | none
  FIPS | 5.cld | 0/0 6.cvd+ 0 | H d6 s6 C S | H | bad-s6
  FIPS | 5.cld | 7/7 5.cld 0 | H d6 s6 C S | H d6 s6 C S | other-root
  FIPS | 5.cld | 0/0 6.cld 0 | H d6 s6=403 | H | none-403
  FIPS | 5.cld | 0/0 6.cld 0 | H d6 s6=429 | H | s-429
  FIPS | 5.cld | 0/0 6.cld 0 | H d6 s6=500 | H | s-500
  FIPS | private | 0/0 6.cvd+ 0 | L=404 H C S | L=404 H | all no-s4 bad-s4 bad-s6
  FIPS | private | 7/7 - 2 | L=404 H C S=404 | L=404 H C S=404 | none no-S
  FIPS | private | 7/7 - 2 | L=404 H C S | L=404 H C S | bad-S other-root S-of-5 old-S level-S page-S empty-S
  FIPS | private | 7/0 - 2 | L=403 H C S=403 | | none-403
  FIPS | private | 0/0 6.cvd+ 0 | L=403 H C S | | all-403
  FIPS | private | 7/0 - 2 | L=404 H C S=429 | | s-429
  FIPS | private | 7/7 - 2 | L=404 H C S=500 | L=404 H C S=500 | s-500
  FIPS | private 1+ | 0/0 6.cvd+ 0 | L=404 H C S | L=404 H | all no-s4 bad-s4 bad-s6
  FIPS | private 1+ | 7/7 1.cvd+ 0 | L=404 H C S=404 | L=404 H C S=404 | none no-S
  FIPS | private 1+ | 7/7 1.cvd+ 0 | L=404 H C S | L=404 H C S | bad-S S-of-5 old-S level-S page-S empty-S
  FIPS | private 1+ | 7/7 1.cvd 2 | L=404 H C S | L=404 H C S | other-root
  FIPS | private 1+ | 7/0 1.cvd+ 0 | L=403 H C S=403 | | none-403
  FIPS | private 1+ | 0/0 6.cvd+ 0 | L=403 H C S | | all-403
  FIPS | private 1+ | 7/0 1.cvd+ 0 | L=404 H C S=429 | | s-429
  FIPS | private 1+ | 7/7 1.cvd+ 0 | L=404 H C S=500 | L=404 H C S=500 | s-500
  FIPS | 6 | 0/0 6.cvd+ 0 | H S | H | all no-s4 bad-s4 bad-s6 all-403
  FIPS | 6 | 0/0 6.cvd 2 | H S=404 | H S=404 | none no-S
  FIPS | 6 | 0/0 6.cvd+ 2 | H S | H | bad-S other-root S-of-5 old-S level-S page-S
  FIPS | 6 | 0/0 6.cvd 2 | H S | H S | empty-S
  FIPS | 6 | 0/0 6.cvd 2 | H S=403 | | none-403
  FIPS | 6 | 0/0 6.cvd 2 | H S=429 | | s-429
  FIPS | 6 | 0/0 6.cvd 2 | H S=500 | H S=500 | s-500
  FIPS | whole 1+ | 0/0 6.cvd+ 0 | H C S | H | all no-s4 bad-s4 bad-s6 all-403
  FIPS | whole 1+ | 7/7 1.cvd+ 0 | H C S=404 | H C S=404 | none no-S
  FIPS | whole 1+ | 7/7 1.cvd+ 0 | H C S | H C S | bad-S S-of-5 old-S level-S page-S empty-S
  FIPS | whole 1+ | 7/7 1.cvd 2 | H C S | H C S | other-root
  FIPS | whole 1+ | 7/0 1.cvd+ 0 | H C S=403 | | none-403
  FIPS | whole 1+ | 7/0 1.cvd+ 0 | H C S=429 | | s-429
  FIPS | whole 1+ | 7/7 1.cvd+ 0 | H C S=500 | H C S=500 | s-500
`;

/** The same with `MaxAttempts 3`, where that makes a difference. */
const THREE_ATTEMPTS = `
  off | fresh | 0/0 6.cvd+ 2 | H C S H C | H S | bad-S other-root
  off | 1+ | 0/0 6.cvd+ 2 | H d2 s2 C S H d2 s2 C | H S | other-root
  off | 5.cld | 0/0 6.cvd+ 2 | H d6 s6 C S H d6 s6 C | H S | other-root
  off | private | 0/0 6.cvd+ 2 | L=404 H C S L=404 H C | L=404 H S | bad-S other-root
  off | whole 1+ | 0/0 6.cvd+ 2 | H C S H C | H S | bad-S other-root
  FIPS | fresh | 7/7 - 2 | H C S=404 H C S=404 H C S=404 | H C S=404 H C S=404 H C S=404 | none
  FIPS | fresh | 7/7 - 2 | H C S H C H C S | H C S H C H C S | bad-S other-root
  FIPS | 1+ | 7/7 1.cvd 2 | H C S H C H C S | H C S H C H C S | other-root
  FIPS | 5.cld | 7/7 5.cld 0 | H d6 s6 C S H d6 s6 C H d6 s6 C S | H d6 s6 C S H d6 s6 C H d6 s6 C S | other-root
  FIPS | private | 7/7 - 2 | L=404 H C S=404 L=404 H C S=404 L=404 H C S=404 | L=404 H C S=404 L=404 H C S=404 L=404 H C S=404 | none
  FIPS | private | 7/7 - 2 | L=404 H C S L=404 H C L=404 H C S | L=404 H C S L=404 H C L=404 H C S | bad-S other-root
  FIPS | whole 1+ | 7/7 1.cvd+ 0 | H C S=404 H C S=404 H C S=404 | H C S=404 H C S=404 H C S=404 | none
  FIPS | whole 1+ | 7/7 1.cvd+ 0 | H C S H C H C S | H C S H C H C S | bad-S
  FIPS | whole 1+ | 7/7 1.cvd 2 | H C S H C H C S | H C S H C H C S | other-root
`;

/** One line, for each state of the mirror that it holds for. */
export interface Fact {
  readonly fips: boolean;
  readonly client: string;
  /** Of two runs of freshclam. */
  readonly exits: string;
  readonly holds: string;
  /** The exit code of clamscan. */
  readonly loads: number;
  readonly asked: readonly [first: string, second: string];
  readonly states: readonly string[];
  readonly attempts: number;
}

/** All of them. */
export const FACTS: readonly Fact[] = [...factsOf(ONE_ATTEMPT, 1), ...factsOf(THREE_ATTEMPTS, 3)];

function factsOf(text: string, attempts: number): Fact[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line): Fact => {
    const [mode, client = '', outcome = '', first = '', second = '', states = ''] = line
      .split('|')
      .map((part) => part.trim());
    const [exits = '', holds = '', loads] = outcome.split(' ');
    return {
      fips: mode === 'FIPS',
      client,
      exits,
      holds,
      loads: Number(loads),
      asked: [expanded(first), expanded(second)],
      states: states.split(' '),
      attempts,
    };
  });
}

function expanded(asked: string): string {
  return asked.replaceAll(/ds(\d)-(\d)(=\d+)?/g, (_, from, to, answer = '') => {
    const versions = Array.from(
      { length: Number(to) - Number(from) + 1 },
      (_, index) => Number(from) + index,
    );
    return versions.map((version) => `d${version} s${version}${answer}`).join(' ');
  });
}
