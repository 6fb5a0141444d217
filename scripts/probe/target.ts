import { explain, MirrorError } from '../base/errors.ts';
import type { CvdHeader } from '../cvd/header.ts';
import type { Manifest } from '../mirror/manifest.ts';
import type { Trust } from '../verify/trust.ts';
import { type Finding, Findings } from './finding.ts';
import type { ProbeClient } from './http-client.ts';

/** The mirror that is judged. */
export interface Site {
  readonly client: ProbeClient;
  /** Its own description, if it is one of ours. */
  readonly manifest: Manifest | undefined;
  readonly trust: Trust;
  readonly now: Date;
}

/** A database as its first bytes say it is. */
export interface Served {
  readonly database: string;
  /** `daily.cvd` */
  readonly name: string;
  readonly header: CvdHeader;
  /** The header's bytes. */
  readonly head: Buffer;
  /** Bytes of the file, as far as the host tells. */
  readonly size: number | undefined;
  /** Whether the host answered the first Range request with the part. */
  readonly ranged: boolean;
}

/**
 * Runs a check: if it gets no answer, or a proof fails, that is its finding, with this advice unless it has one. That a
 * mirror is given up is more than the finding of one check. Throws `probe/gave-up`.
 */
export async function guarded(
  subject: string,
  check: string,
  run: (findings: Findings) => Promise<unknown>,
  advice = 'Look into the log of the host',
): Promise<Finding[]> {
  const findings = new Findings(subject, check);
  try {
    await run(findings);
  } catch (error) {
    if (!(error instanceof MirrorError) || isGivenUp(error)) throw error;
    findings.fault(explain(new Error(error.message, { cause: error.cause })), error.advice ?? advice);
  }
  return findings.list;
}

/** Runs all checks of a mirror, until there is no more time for it, which is a finding. */
export async function untilGivenUp(run: () => Promise<unknown>): Promise<Finding[]> {
  try {
    await run();
    return [];
  } catch (error) {
    if (!(error instanceof MirrorError) || !isGivenUp(error)) throw error;
    return new Findings('mirror', 'limits').fault(error.message, error.advice ?? '').list;
  }
}

function isGivenUp({ code }: MirrorError): boolean {
  return code === 'probe/gave-up';
}
