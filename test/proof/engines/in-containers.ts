import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Engine, run } from '../../../scripts/engine/engine.ts';
import { startHost } from '../../../scripts/host/host.ts';
import { official } from '../../support/setup/official.ts';

/** What a ClamAV of this version says; Debian has a newer one every few months. */
export function fLevelOf(version: string): unknown {
  const patch = /^1\.4\.(\d+)$/.exec(version)?.[1];
  if (patch !== undefined) return 210 + Number(patch);
  return version === '0.103.10' ? 129 : expect.any(Number);
}

/** A real freshclam of the engine brings version 6 of `test` into `db` of a client's folder. */
export async function updateTo6(engine: Engine, folder: string): Promise<void> {
  const tree = await mkdtemp(join(tmpdir(), 'containers-tree-'));
  try {
    await copyFile(official('test-6.cvd'), join(tree, 'test.cvd'));
    await using host = await startHost({ folder: tree, address: engine.hostAddress });
    const lines = [
      `DatabaseMirror ${host.url}`,
      `DatabaseOwner ${engine.databaseOwner}`,
      'ScriptedUpdates no',
      '',
    ];
    await writeFile(join(folder, 'freshclam.conf'), lines.join('\n'));
    const args = (at: string) =>
      `--config-file=${at}/freshclam.conf --datadir=${at}/db --no-dns --stdout --update-db=test`.split(' ');
    const ended = await run(engine, { tool: 'freshclam', folder, args, timeout: 60_000 });
    expect(ended).toMatchObject({ exitCode: 0, timedOut: false });
    expect(await readFile(join(folder, 'db', 'test.cvd'))).toEqual(await readFile(official('test-6.cvd')));
  } finally {
    await rm(tree, { recursive: true });
  }
}
