import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { DatabaseRecord, Manifest } from '../../scripts/mirror/manifest.ts';
import type { FileRecord } from '../../scripts/store/file-record.ts';

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** How a manifest describes a file. */
export function described(bytes: Uint8Array | string): FileRecord {
  return { size: Buffer.byteLength(bytes), sha256: sha256(bytes) };
}

/** A database of a manifest; its CVD is empty unless told otherwise. */
export function databaseRecord(version: number, change: Partial<DatabaseRecord> = {}): DatabaseRecord {
  return {
    version,
    built: '2026-01-01T06:00:00.000Z',
    signatures: version,
    fLevel: 90,
    ...described(''),
    cdiffs: null,
    missingCdiffs: [],
    ...change,
  };
}

/** A manifest of these databases and files. */
export function manifestOf(
  databases: Record<string, DatabaseRecord>,
  files: Record<string, FileRecord>,
  change: Partial<Manifest> = {},
): Manifest {
  const time = '2026-06-01T12:00:00.000Z';
  return {
    format: 1,
    generator: 'clamav-mirror/0.0.0',
    built: time,
    checked: time,
    published: time,
    upstream: { url: 'https://database.clamav.net', bytes: 602 },
    databases,
    files,
    retired: [],
    proof: {
      passed: true,
      started: time,
      duration: 1.5,
      databases: { test: 6 },
      engines: [{ name: 'ClamAV 1.4.6', version: '1.4.6' }],
      results: [
        {
          engine: 'ClamAV 1.4.6',
          scenario: 'a client',
          result: 'passed',
          evidence: 'it said so',
          duration: 1,
        },
      ],
    },
    ...change,
  };
}
