import { printable } from '../base/printable.ts';
import type { ExtraRecord } from '../mirror/extras.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { toldProblem, toldReason } from './problem.ts';

/** An extra that the newest cycle could not bring, or that was refused. */
export interface FailingExtra {
  readonly name: string;
  readonly code: string;
  readonly reason: string | undefined;
}

/** Extras and the allow list, as everybody may read of them. */
export interface ExtrasStatus {
  readonly files: Readonly<Record<string, Pick<ExtraRecord, 'size' | 'sha256' | 'source' | 'published'>>>;
  readonly allowed: readonly {
    readonly what: string;
    readonly reason: string;
    readonly since: string;
    /** `null`: until somebody takes it out. */
    readonly until: string | null;
  }[];
  /** Those that the newest cycle could not bring. What is published of them stays. */
  readonly failing: readonly { readonly name: string; readonly code: string; readonly what: string }[];
}

export function extrasStatus(
  { extras }: Pick<Manifest, 'extras'>,
  failing: readonly FailingExtra[],
): ExtrasStatus {
  const files = Object.entries(extras?.files ?? {}).map(([name, { size, sha256, source, published }]) => {
    return [name, { size, sha256, source: printable(source), published }] as const;
  });
  return {
    files: Object.fromEntries(files),
    allowed: (extras?.allowed ?? []).map(({ what, reason, since, until = null }) => {
      return { what, reason: toldReason(reason), since, until };
    }),
    failing: failing.map(({ name, code, reason }) => {
      const { what } = toldProblem({ database: undefined, code, reason });
      return { name, code, what };
    }),
  };
}
