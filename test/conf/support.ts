import { copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { type ConfigReport, configureClient } from '../../scripts/client/config.ts';
import { cvdName, cvdSignName } from '../../scripts/cvd/names.ts';
import { type Engine, run, type ToolRun } from '../../scripts/engine/engine.ts';
import { openOneEngine } from '../../scripts/engine/open-one.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { placeConf } from '../../scripts/files/clamav-conf.ts';
import { startHost } from '../../scripts/host/host.ts';
import type { RequestLine } from '../../scripts/host/response.ts';
import { versionIn } from '../../scripts/proof/clients/freshclam.ts';
import { clientConfigSettings } from '../../scripts/settings/commands/client-config.ts';

/** The report of `client-config` with these flags, by default for Debian. */
export async function configured(
  urls: readonly string[],
  flags: Readonly<Record<string, string>> = {},
  environment: Readonly<Record<string, string>> = {},
): Promise<ConfigReport> {
  return await configureClient(
    clientConfigSettings(urls, { flags: { for: 'debian', ...flags }, environment }),
  );
}

/** The text of one of the configurations, by its name. */
export function textOf({ confs }: ConfigReport, name: string): string {
  const conf = confs.find((one) => one.name === name);
  if (conf === undefined) throw new Error(`there is no ${name}`);
  return conf.text;
}

/** A client with a database folder of its own, which real freshclam updates with a configuration that was printed. */
export interface PrintedClient extends AsyncDisposable {
  /** Its folder: databases are in `db`. */
  readonly folder: string;
  /** Puts a CVD of database `test` into its place, with its `.sign` if there is one. */
  plant(version: number, cvd: string, sign?: string): Promise<void>;
  /** The file of database `test` and its version, `test.cld 6`. */
  has(): Promise<string | undefined>;
  /**
   * Runs freshclam with a configuration as it was printed; only folder and user are those of this machine. Nothing else
   * helps it, such as `--no-dns`.
   */
  freshclam(
    text: string,
    options?: { readonly nameserver?: string; readonly args?: readonly string[] },
  ): Promise<ToolRun>;
}

export async function startPrintedClient(engine: Engine): Promise<PrintedClient> {
  const folder = await mkdtemp(join(tmpdir(), 'printed-'));
  const db = join(folder, 'db');
  await mkdir(db);
  return {
    folder,
    async plant(version, cvd, sign) {
      for (const name of await readdir(db)) await rm(join(db, name), { recursive: true });
      await copyFile(cvd, join(db, cvdName('test')));
      if (sign !== undefined) await copyFile(sign, join(db, cvdSignName('test', version)));
    },
    async has() {
      const found = await versionIn(db, 'test');
      return found === undefined ? undefined : `${found.file} ${found.version}`;
    },
    async freshclam(text, { nameserver, args = [] } = {}) {
      const owner = `DatabaseOwner ${engine.databaseOwner}\n`;
      const here = text.replace(/^DatabaseOwner .*\n/m, '') + owner;
      await placeConf(join(folder, 'freshclam.conf'), here);
      return await run(engine, {
        tool: 'freshclam',
        folder,
        args: (at) => [`--config-file=${at}/freshclam.conf`, `--datadir=${at}/db`, '--stdout', ...args],
        timeout: 60_000,
        ...(nameserver !== undefined && { nameserver }),
      });
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A work folder for each test file: an engine ends what an earlier one left in the same. */
let work: string | undefined;
afterAll(async () => {
  if (work !== undefined) await rm(work, { recursive: true, force: true });
  work = undefined;
});

/** The engine of this name, as `--engines` takes it. */
export async function engineOf(name: string, path = process.env.PATH ?? ''): Promise<Engine> {
  work ??= await mkdtemp(join(tmpdir(), 'engines-'));
  return await openOneEngine(parseEngineSpec(name), { path, work, log: SILENT });
}

/** A host that keeps a list of what it was asked for. */
export async function startSeenHost(folder: string, engine: Engine) {
  const requests: RequestLine[] = [];
  const onRequest = (line: RequestLine) => void requests.push(line);
  const host = await startHost({ folder, address: engine.hostAddress, onRequest });
  return Object.assign(host, { requests });
}
