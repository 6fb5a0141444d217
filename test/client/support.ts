import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Log } from '../../scripts/base/log.ts';
import { type ClientContext, type ClientReport, updateClient } from '../../scripts/client/update.ts';
import { run } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { openOneEngine } from '../../scripts/engine/open-one.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { encodeManifest, type Manifest, parseManifest } from '../../scripts/mirror/manifest.ts';
import { clientSettings } from '../../scripts/settings/commands/client.ts';
import { TALOS } from '../../scripts/verify/trust.ts';

/** A consumer's folder in a temporary one, whose name is as awkward as names get. */
export interface Consumer extends AsyncDisposable {
  readonly folder: string;
  readonly conf: string;
  /** What was said. */
  readonly said: string[];
  update(url: string, change?: Change): Promise<ClientReport>;
  /** Names of what is in the folder, without our own. */
  names(): Promise<string[]>;
  /** A real freshclam with nothing but the conf that was written; `--stdout` of it. */
  freshclam(): Promise<string>;
}

export interface Change extends Partial<ClientContext> {
  readonly flags?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function startConsumer(): Promise<Consumer> {
  const around = await mkdtemp(join(tmpdir(), 'consumer a b '));
  const folder = join(around, 'databases');
  const conf = `${folder}.freshclam.conf`;
  const said: string[] = [];
  const log: Log = {
    info: (line) => void said.push(line),
    warn: (line) => void said.push(line),
    progress() {},
  };
  return {
    folder,
    conf,
    said,
    async update(url, { flags = {}, environment = {}, ...parts } = {}) {
      const settings = clientSettings(url, { flags: { into: folder, ...flags }, environment });
      const spec = settings.engine ?? parseEngineSpec('native');
      const path = process.env.PATH ?? '';
      return await updateClient(settings, {
        openEngine: (work) => openOneEngine(spec, { path, work, log }),
        trust: TALOS,
        log,
        now: () => new Date(),
        patience: { attempts: 3, wait: 50 },
        ...parts,
      });
    },
    names: async () => (await readdir(folder)).filter((name) => name !== '.clamav-client').sort(),
    async freshclam() {
      const engine = await findNativeEngine(process.env.PATH ?? '');
      const once = join(around, 'once.conf'); // attempts are 5 seconds apart
      await writeFile(once, (await readFile(conf, 'utf8')).replace('MaxAttempts 3', 'MaxAttempts 1'));
      const args = () => [`--config-file=${once}`, '--stdout'];
      return (await run(engine, { tool: 'freshclam', folder: around, args, timeout: 60_000 })).output;
    },
    [Symbol.asyncDispose]: () => rm(around, { recursive: true }),
  };
}

/** Puts files into a consumer's folder: bytes, or the path of a file to copy. */
export async function plant({ folder }: Consumer, files: Record<string, Uint8Array | string>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    if (typeof content === 'string') await copyFile(content, join(folder, name));
    else await writeFile(join(folder, name), content);
  }
}

/** Changes what a published tree says of itself. */
export async function changeManifest(store: string, change: (manifest: Manifest) => Partial<Manifest>) {
  const path = join(store, 'manifest.json');
  const manifest = parseManifest(await readFile(path, 'utf8'), store);
  await writeFile(path, encodeManifest({ ...manifest, ...change(manifest) }));
}

/** As a mirror says it that was checked then, each database of it. */
export function checkedAt(checked: string): (manifest: Manifest) => Partial<Manifest> {
  return ({ databases }) => ({
    checked,
    databases: Object.fromEntries(
      Object.entries(databases).map(([database, record]) => [database, { ...record, checked }]),
    ),
  });
}

export function ago(hours: number, now = Date.now()): string {
  return new Date(now - hours * 3_600_000).toISOString();
}
