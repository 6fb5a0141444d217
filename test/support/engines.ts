import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Tool } from '../../scripts/proof/engine.ts';
import { findNativeEngine } from '../../scripts/proof/native.ts';
import { type Prove, proveWith } from '../../scripts/proof/prove.ts';
import type { Proof } from '../../scripts/proof/record.ts';
import { clamav, official } from './official.ts';

export interface FakeTools extends AsyncDisposable {
  /** A PATH on which the fake tools come first and the real ones after them. */
  readonly path: string;
  /** For what the scripts write. */
  readonly folder: string;
}

/**
 * Puts shell scripts in the place of ClamAV's tools. `$HERE` is a folder of their own, `$REAL` the tool that a script
 * stands for, `$OLD` a genuine test.cvd of version 5; `version` answers `--version`. Tools that are not given are the
 * real ones.
 */
export async function fakeTools(
  scripts: Partial<Record<Tool, string>>,
  version = 'echo "ClamAV 1.4.6/1/today"; exit 0',
): Promise<FakeTools> {
  const folder = await mkdtemp(join(tmpdir(), 'fake-tools-'));
  const path = process.env.PATH ?? '';
  for (const tool of ['freshclam', 'clamscan'] as const) {
    const script = scripts[tool];
    if (script === undefined) continue;
    const lines = [
      '#!/bin/sh',
      `HERE='${folder}' OLD='${official('test-5.cvd')}' REAL='${clamav()[tool]}'`,
      `if [ "$1" = --version ]; then ${version}; fi`,
      script,
    ];
    await writeFile(join(folder, tool), `${lines.join('\n')}\n`);
    await chmod(join(folder, tool), 0o755);
  }
  return {
    folder,
    path: [folder, path].join(delimiter),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What `clamav-mirror sync` proves with, from this PATH. `timeout`: for one run of a tool, in milliseconds. */
export async function findProver(path = process.env.PATH ?? '', timeout?: number): Promise<Prove> {
  return proveWith([await findNativeEngine(path)], () => new Date(), timeout);
}

/** Stands in for engines where what is tested ends before them or comes after them: it passes everything. */
export const trusting: Prove = async ({ staged }): Promise<Proof> => ({
  passed: true,
  started: new Date().toISOString(),
  duration: 0,
  databases: Object.fromEntries([...staged].map(([database, { version }]) => [database, version])),
  engines: [{ name: 'stand-in', version: '0' }],
  results: [],
});
