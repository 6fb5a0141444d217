import type { CycleReport } from '../../../scripts/cycle/report.ts';
import type { Manifest } from '../../../scripts/mirror/manifest.ts';

const TIME = '2026-11-21T12:00:00.000Z';
const SHA256 = 'a'.repeat(64);

/** A report in which everything that may be told is told. */
export function sampleReport(): CycleReport {
  return {
    outcome: 'refused',
    databases: {
      daily: {
        outcome: 'refused',
        from: 28000,
        to: 28000,
        how: 'unchanged',
        offered: 28001,
        upstreamBytes: 522,
        because: 'the CDIFF is missing',
        code: 'proof/failed',
        reason: 'clamd ended',
        notes: ['28001 has no .sign'],
      },
    },
    extras: { 'own.ndb': { outcome: 'refused', code: 'proof/failed', reason: 'it calls a safe file bad' } },
    proof: {
      passed: false,
      started: TIME,
      duration: 12.5,
      databases: { daily: 28001 },
      engines: [{ name: 'native', version: '1.4.6', fLevel: 216 }],
      accepted: { reason: 'known', findings: ['fewer signatures'] },
      results: [
        {
          engine: 'native',
          scenario: 'a fresh client',
          result: 'failed',
          evidence: 'daily 28001',
          duration: 2,
        },
      ],
    },
    upstreamBytes: 125_522,
    duration: 20,
    times: {},
    error: { code: 'store/full', message: 'no room' },
  };
}

/** The manifest of a mirror, with every field that there may be. */
export function manifestOf(): Manifest {
  const { proof } = sampleReport();
  if (proof === null) throw new Error('the report has a proof');
  return {
    format: 1,
    generator: 'clamav-mirror',
    built: TIME,
    checked: TIME,
    published: TIME,
    upstream: { url: 'https://database.clamav.net', bytes: 522 },
    databases: {
      daily: {
        version: 28001,
        built: TIME,
        signatures: 5,
        fLevel: 90,
        size: 3,
        sha256: SHA256,
        cdiffs: { first: 28001, last: 28001 },
        missingCdiffs: [27999],
        sign: { state: 'withheld', since: TIME, asked: TIME, reason: 'an unknown signer', etag: '"x"' },
        held: { since: TIME, reason: 'it flags our installer' },
      },
    },
    files: { 'daily.cvd': { size: 3, sha256: SHA256 } },
    retired: ['daily-27000.cdiff'],
    proof,
  };
}
