import { createHash } from 'node:crypto';
import { codeOf, explain, type MirrorError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { ExtraError } from '../../extras/error.ts';
import type { Allowed } from '../../mirror/extras.ts';
import type { ProveExtras } from '../../proof/prove-extras.ts';
import type { Proof } from '../../proof/record.ts';
import { refusalBy } from '../gate/refusal.ts';
import { ALLOW_LIST, LISTS, listsOf } from './allow-list.ts';
import type { ExtrasStage, WantedExtra } from './stage-extras.ts';

/** Extras that may be published together, and what was left out. */
export interface PassedExtras {
  readonly extras: ReadonlyMap<string, WantedExtra>;
  readonly allowed: readonly Allowed[];
  /** Absent if there are none. */
  readonly proof: Proof | undefined;
  /** Extras that were left out. */
  readonly left: ReadonlyMap<string, MirrorError>;
  /** Entries of the allow list that were left out, and why. */
  readonly refused: ReadonlyMap<string, string>;
  /** Entries of which no database has a signature, as far as the proof tells. */
  readonly idle: readonly string[];
}

/** Candidates for a publication. */
export interface ExtrasToPass {
  /** Those of the allow list are made of `allowed`. */
  readonly wanted: ReadonlyMap<string, WantedExtra>;
  /** What is published of extras that are to be replaced: it stays if the new one fails. */
  readonly earlier: ReadonlyMap<string, WantedExtra>;
  readonly allowed: readonly Allowed[];
}

/**
 * Decides which extras may be published. All are proven together; if that fails, as few as possible are left out, and named.
 * Entries of the allow list that hide too much go before any file does. Throws the error of an engine that cannot judge.
 */
export async function passExtras(
  { wanted, earlier, allowed }: ExtrasToPass,
  stage: ExtrasStage,
  prove: ProveExtras,
  log: Log,
): Promise<PassedExtras> {
  const gate = new Gate(stage, prove, allowed, log);
  const lists = LISTS.filter((name) => wanted.has(name));
  const others = [...wanted.values()].filter(({ name }) => !lists.includes(name));
  // what clients have already comes before what is new
  const inOrder = [...others.filter(({ from }) => !from), ...others.filter(({ from }) => from)];
  await gate.add([...lists.map((name) => ({ ...ofList(name) })), ...inOrder]);
  await gate.add([...earlier.values()].filter(({ name }) => gate.left.has(name)));
  return gate.result();
}

/** A file of the allow list before its entries are known for good. */
function ofList(name: string): WantedExtra {
  return { name, source: ALLOW_LIST, size: 0, sha256: '', from: { text: '' } };
}

class Gate {
  readonly left = new Map<string, MirrorError>();
  readonly #refused = new Map<string, string>();
  readonly #stage: ExtrasStage;
  readonly #prove: ProveExtras;
  readonly #log: Log;
  #allowed: readonly Allowed[];
  #passed: readonly WantedExtra[] = [];
  #proof: Proof | undefined;
  #idle: readonly string[] = [];

  constructor(stage: ExtrasStage, prove: ProveExtras, allowed: readonly Allowed[], log: Log) {
    this.#stage = stage;
    this.#prove = prove;
    this.#allowed = allowed;
    this.#log = log;
  }

  result(): PassedExtras {
    return {
      extras: new Map(this.#passed.map((one) => [one.name, one])),
      allowed: this.#allowed,
      proof: this.#proof,
      left: this.left,
      refused: this.#refused,
      idle: this.#idle,
    };
  }

  /** Adds these extras to those that passed; if they do not pass together, one half and then the other, down to single ones. */
  async add(extras: readonly WantedExtra[]): Promise<void> {
    const [first, ...others] = extras;
    if (first === undefined) return;
    const refusal = await this.#attempt(extras);
    if (refusal === undefined) return;
    if (others.length === 0) {
      this.left.set(first.name, refusal);
      this.#log.info(`${first.name} is left out: ${refusal.message}`);
      return;
    }
    const half = Math.ceil(extras.length / 2);
    await this.add(extras.slice(0, half));
    await this.add(extras.slice(half));
  }

  /** Proves these beside those that passed; entries that it names leave the list, and the rest is tried again. */
  async #attempt(extras: readonly WantedExtra[]): Promise<MirrorError | undefined> {
    for (;;) {
      const together = [...this.#passed, ...extras].map((one) => this.#asListed(one));
      try {
        for (const extra of together) await this.#stage.put(extra);
      } catch (error) {
        if (!(error instanceof ExtraError) && codeOf(error) !== 'store/missing') throw error;
        return error instanceof ExtraError ? error : new ExtraError('extra/damaged', explain(error));
      }
      const { proof, refused, off } = await this.#prove({
        ...this.#stage,
        names: together.map(({ name }) => name),
        allowed: this.#allowed.map(({ what }) => what),
      });
      if (proof.passed) {
        this.#passed = together;
        this.#proof = proof;
        this.#idle = [...off].flatMap(([what, count]) => (count === 0 ? [what] : []));
        return undefined;
      }
      if (refused.size === 0) return refusalBy(proof);
      for (const [what, why] of refused) this.#refused.set(what, why);
      this.#allowed = this.#allowed.filter(({ what }) => !refused.has(what));
    }
  }

  #asListed(extra: WantedExtra): WantedExtra {
    return LISTS.includes(extra.name) ? listFile(extra.name, this.#allowed) : extra;
  }
}

/** A file of the allow list as these entries make it. */
export function listFile(name: string, allowed: readonly Allowed[]): WantedExtra {
  const text = listsOf(allowed).get(name) ?? '';
  const sha256 = createHash('sha256').update(text).digest('hex');
  return { name, source: ALLOW_LIST, size: Buffer.byteLength(text), sha256, from: { text } };
}
