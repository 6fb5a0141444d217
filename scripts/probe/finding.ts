import { QUOTED_CHARACTERS } from '../base/limits/mirror.ts';
/** What one check found. A fault breaks clients or hides updates from them; a warning costs them something. */
export interface Finding {
  /** A database, or `mirror` for what concerns all of it. */
  readonly subject: string;
  /** `range`, `missing files`, `signature` … */
  readonly check: string;
  readonly verdict: 'good' | 'warning' | 'fault';
  /** Holds the mirror's own words: whoever prints it must escape them. */
  readonly what: string;
  /** One line. */
  readonly advice?: string;
}

/** Makes the findings of one check of one subject. */
export class Findings {
  readonly list: Finding[] = [];
  readonly #about: Pick<Finding, 'subject' | 'check'>;

  constructor(subject: string, check: string) {
    this.#about = { subject, check };
  }

  good(what: string): this {
    return this.#add('good', what);
  }

  warning(what: string, advice: string): this {
    return this.#add('warning', what, advice);
  }

  fault(what: string, advice: string): this {
    return this.#add('fault', what, advice);
  }

  #add(verdict: Finding['verdict'], what: string, advice?: string): this {
    this.list.push({ ...this.#about, verdict, what, ...(advice === undefined ? {} : { advice }) });
    return this;
  }
}

/** The mirror's own words, quoted and kept short. */
export function quoted(text: string | undefined): string {
  return text === undefined
    ? 'nothing'
    : JSON.stringify(text.length > QUOTED_CHARACTERS ? `${text.slice(0, QUOTED_CHARACTERS - 1)}…` : text);
}

/** `a, b, c and 7 more` */
export function listed(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
