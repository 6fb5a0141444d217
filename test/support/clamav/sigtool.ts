import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Files } from '../databases/naive.ts';
import { clamav } from '../setup/official.ts';

/** A folder in which the real sigtool works; it is gone afterwards. */
export class SigtoolFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'sigtool-'));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  write(files: Files): void {
    for (const [name, bytes] of files) writeFileSync(join(this.path, name), bytes);
  }

  read(): Map<string, Buffer> {
    return new Map(readdirSync(this.path).map((name) => [name, readFileSync(join(this.path, name))]));
  }

  /** Throws what sigtool says if it fails. */
  run(...args: readonly string[]): void {
    const env = { ...process.env, SIGNDUSER: 'tester' };
    const { status, signal, stderr } = spawnSync(clamav().sigtool, args, { cwd: this.path, env });
    if (status !== 0) throw new Error(`sigtool ${args.join(' ')}: ${status ?? signal}: ${stderr}`);
  }
}

/**
 * What sigtool makes of `files` with a script. It takes scripts that nobody signed, and compares with `.info`
 * afterwards: an empty one fits everything. Throws what sigtool says if it refuses the script.
 */
export function applyWithSigtool(files: Files, script: Uint8Array): Files {
  using folder = new SigtoolFolder();
  const own = ['sig.info', 'sig-2.script'] as const;
  folder.write(files);
  folder.write(
    new Map([
      [own[0], Buffer.from('ClamAV-VDB\n')],
      [own[1], Buffer.from(script)],
    ]),
  );
  folder.run(`--run-cdiff=${own[1]}`);
  const result = folder.read();
  for (const name of own) result.delete(name);
  return result;
}
