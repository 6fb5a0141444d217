import { QUOTED_CHARACTERS } from '../base/limits/mirror.ts';

/** Result of one check. A fault breaks clients or hides updates from them; a warning costs them something. */
export interface Finding {
  /** Name of a database, or `mirror` for the mirror as a whole. */
  readonly subject: string;
  /** `range`, `missing files`, `signature` … */
  readonly check: string;
  readonly verdict: 'good' | 'warning' | 'fault';
  /** Text that may quote the mirror: escape it before printing. */
  readonly what: string;
  /** Next step, in one line. */
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

/** Quotes words of the mirror, and keeps them short. */
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
