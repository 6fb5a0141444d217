import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { explain } from '../../../scripts/base/errors.ts';
import type { Engine, Tool } from '../../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../../scripts/engine/native.ts';
import { Transcript } from '../../../scripts/engine/transcript.ts';
import { startNameserver } from '../../../scripts/proof/clients/nameserver.ts';
import { type Prove, type ProveOptions, proveWith } from '../../../scripts/proof/prove.ts';
import type { Proof } from '../../../scripts/proof/record.ts';
import { dnsClient } from '../../../scripts/proof/scenarios/dns-client.ts';
import type { Candidate, Scene } from '../../../scripts/proof/scenarios/scenario.ts';
import { official } from '../setup/official.ts';

export interface FakeTools extends AsyncDisposable {
  /** A PATH on which the fake tools come first and the real ones after them. */
  readonly path: string;
  /** For what the scripts write. */
  readonly folder: string;
}

const ITSELF = 'exec "$REAL" "$@"';

/**
 * Puts shell scripts in the place of ClamAV's tools. `$HERE` is a folder of their own, `$REAL` the tool that a script
 * stands for, `$OLD` a genuine test.cvd of version 5; `version` is what happens when clamscan is asked who it is,
 * `confined` when a tool is asked whether it may read where we work. Tools that are not given are the real ones of `path`.
 */
export async function fakeTools(
  scripts: Partial<Record<Tool, string>>,
  { version = ITSELF, confined = ITSELF, path = process.env.PATH ?? '' } = {},
): Promise<FakeTools> {
  const folder = await mkdtemp(join(tmpdir(), 'fake-tools-'));
  for (const [tool, script] of Object.entries(scripts)) {
    const lines = [
      '#!/bin/sh',
      `HERE='${folder}' OLD='${official('test-5.cvd')}' REAL=$(PATH='${path}' command -v ${tool})`,
      `case "$*" in *levels.ldb*) ${version} ;; *empty.conf*) ${confined} ;; esac`,
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

/**
 * For a script of `fakeTools`: `has` is true for a tool whose folder holds this version of a database, so that the tool
 * may do wrong with that one alone.
 */
export function knowing(database: string, version: number): string {
  return `D=; for arg; do case "$arg" in --datadir=*) D=\${arg#--datadir=} ;; --database=*) D=\${arg#--database=} ;; esac; done
    has() { head -c 200 "$D"/${database}.c?d 2>/dev/null | tr ':' '\\n' | sed -n 3p | grep -qx ${version}; }`;
}

/**
 * A clamd that is the real one until it says this line, and then crashes: no signature is to be had that does that.
 */
export function clamdThatCrashes(when: string, only = 'true'): string {
  return clamdThatIsSent('SEGV', when, only);
}

/** The same, sent this signal, if a command of the shell is true then. */
export function clamdThatIsSent(signal: 'SEGV' | 'TERM', when: string, only = 'true'): string {
  return `mkfifo "$HERE/said.$$"; "$REAL" "$@" > "$HERE/said.$$" 2>&1 & CLAMD=$!
    while IFS= read -r line; do
      case "$line" in *"${when}"*) ${only} && kill -${signal} $CLAMD ;; esac
      echo "$line"
    done < "$HERE/said.$$"
    wait $CLAMD`;
}

/** What `clamav-mirror sync` proves with, from this PATH. */
export async function openProver(
  path = process.env.PATH ?? '',
  options: Partial<ProveOptions> = {},
): Promise<Prove> {
  return proveWith([await findNativeEngine(path)], { now: () => new Date(), ...options });
}

/**
 * Why no tool of this engine can be told versions by a nameserver of ours on this machine: a container has mostly not the
 * right to mount, and who is not root has neither that nor port 53. `undefined`: it can.
 */
export async function noNameserver({ canAskNameserver }: Engine): Promise<string | undefined> {
  if (!canAskNameserver) return 'the right to mount, to give a tool a nameserver (root, and unshare)';
  try {
    await using _ = await startNameserver(new Map());
    return undefined;
  } catch (error) {
    return explain(error);
  }
}

/** Names of the scenarios that a proof with the ClamAV of this PATH skips for want of rights. */
export async function skippedHere(path = process.env.PATH ?? ''): Promise<readonly string[]> {
  return (await noNameserver(await findNativeEngine(path))) === undefined ? [] : [dnsClient.name];
}

/** Stands in for engines where what is tested ends before them or comes after them: it passes everything. */
export const trusting: Prove = async ({ staged }): Promise<Proof> => ({
  passed: true,
  started: new Date().toISOString(),
  duration: 0,
  databases: Object.fromEntries([...staged].map(([database, { version }]) => [database, version])),
  engines: [{ name: 'stand-in', version: '0', fLevel: 255 }],
  results: [],
});

/** A client in `folder` of what is in `store`, for scenarios that are played by themselves. */
export async function clientOf(store: string, folder: string, staged: Candidate['staged']): Promise<Scene> {
  return {
    candidate: { folder: store, staged, published: new Map(), retained: new Map(), workFolder: folder },
    engine: await findNativeEngine(process.env.PATH ?? ''),
    folder,
    samples: [],
    timeout: 60_000,
    transcript: new Transcript(),
  };
}
