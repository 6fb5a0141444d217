import { explain, MirrorError } from '../base/errors.ts';
import type { CvdHeader } from '../cvd/header.ts';
import type { Manifest } from '../mirror/manifest.ts';
import type { Trust } from '../verify/trust.ts';
import { type Finding, Findings } from './finding.ts';
import type { ProbeClient } from './http-client.ts';

/** The mirror that is probed. */
export interface Site {
  readonly client: ProbeClient;
  /** Its manifest, if it is a mirror of ours. */
  readonly manifest: Manifest | undefined;
  readonly trust: Trust;
  readonly now: Date;
}

/** A served database, as its first bytes describe it. */
export interface Served {
  readonly database: string;
  /** `daily.cvd` */
  readonly name: string;
  readonly header: CvdHeader;
  /** The header's bytes. */
  readonly head: Buffer;
  /** Size of the file in bytes, if the host gives it. */
  readonly size: number | undefined;
  /** True if the host answered the first Range request with the part alone. */
  readonly ranged: boolean;
}

/**
 * Runs a check. If it gets no answer, or a proof fails, the error becomes its finding, with this advice if it has none.
 * Throws `probe/gave-up`, which ends all checks.
 */
export async function guarded(
  subject: string,
  check: string,
  run: (findings: Findings) => Promise<unknown>,
  advice = 'Read the log of the host',
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

/** Runs all checks of a mirror. Running out of time becomes a finding. */
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
