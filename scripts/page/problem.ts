import { printable } from '../base/printable.ts';
import { withMoments } from '../base/words.ts';
import { SHOWN_CHARACTERS } from './bits.ts';

/** Something that was refused or failed. */
export interface Problem {
  /** `undefined`: the cycle as a whole. */
  readonly database: string | undefined;
  readonly code: string;
  readonly reason: string | undefined;
  /** The version that was offered, if it is known. */
  readonly version?: number;
}

/** A problem as everybody may read it. */
export interface ToldProblem {
  readonly database?: string;
  readonly code: string;
  readonly what: string;
}

/**
 * Says what everybody may know of a problem. The reasons of refusals are about what upstream offered; those of this
 * machine's own troubles may hold paths and addresses, and stay in its log.
 */
export function toldProblem({
  database,
  code,
  reason,
}: Pick<Problem, 'database' | 'code' | 'reason'>): ToldProblem {
  const what = reason !== undefined && OFFERED.test(code) ? toldReason(reason) : plainly(code);
  return { ...(database !== undefined && { database }), code, what };
}

const OFFERED = /^(verify|cvd|proof)\/|^upstream\/(cool-down|spoilt|mislabelled|doubted|lagging)$/;

function plainly(code: string): string {
  const [kind = ''] = code.split('/');
  return KINDS[kind] ?? 'the cycle ended before it was done';
}

const KINDS: Readonly<Record<string, string>> = {
  verify: 'what upstream offered is not genuine',
  cvd: 'what upstream offered is not genuine',
  proof: 'what upstream offered could not be proven',
  extra: 'its source did not give it as it should',
  allow: 'the list cannot be taken as it is',
  upstream: 'upstream could not be reached, or did not answer as it should',
  nameserver: 'the machine that proves has no working nameserver for its proof',
  engine: 'no ClamAV could prove on the machine of the mirror',
  store: 'the store could not take the publication',
  file: 'the disk of the machine of the mirror could not be used',
  'read-back': 'the host did not serve what was published, so the state before was published again',
};

/** A reason as everybody may read it, in one line. */
export function toldReason(reason: string): string {
  const text = printable(withMoments(reason));
  return text.length > SHOWN_CHARACTERS.reason
    ? `${text.slice(0, SHOWN_CHARACTERS.reason).toWellFormed().trimEnd()} …` // a cut may part a pair of surrogates
    : text;
}
