import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { freshclamConf } from '../conf/freshclam-conf.ts';
import { type Engine, endOf, run } from '../engine/engine.ts';
import { requireNoLack } from '../engine/shortages.ts';
import { writeCertificates, writeConf } from '../files/clamav-conf.ts';
import type { Proxies } from '../http/proxies.ts';
import { proxyFor } from '../http/proxies.ts';
import { tellingLine } from '../proof/scenarios/scenario.ts';

/** Name of the database folder below the folder that freshclam works on. */
export const DATABASES = 'db';

export interface FreshclamTask {
  /** URL of the mirror, perhaps with a user and password. */
  readonly url: string;
  readonly databases: readonly string[];
  readonly record: string | undefined;
  readonly proxies: Proxies;
  /** Attempts; default: 1. */
  readonly attempts?: number;
  /** FIPS limits, for an engine that `readsSigns`. */
  readonly fips?: boolean;
  /** Deadline in milliseconds. */
  readonly timeout: number;
}

/**
 * Lets the real freshclam of an engine update `folder`/db, and returns how it ended, in words without a password. Its exit
 * code proves nothing (clamav-formats.md §0.5): check the files. A cool-down of an earlier run is forgotten, for it may come
 * from another mirror, or from a cache. Throws `engine/broken`, also if the disk is full.
 */
export async function runFreshclam(
  engine: Engine,
  folder: string,
  { url, databases, record, proxies, attempts = 1, fips = false, timeout }: FreshclamTask,
): Promise<{ readonly went: boolean; readonly said: string }> {
  await mkdir(join(folder, DATABASES), { recursive: true });
  await rm(join(folder, DATABASES, 'freshclam.dat'), { force: true });
  const proxy = proxyFor(url, proxies);
  const conf = { mirrors: [url], databases, record, proxy, attempts, fips, owner: engine.databaseOwner };
  await writeConf(join(folder, 'freshclam.conf'), freshclamConf(conf));
  const ended = await run(engine, {
    tool: 'freshclam',
    folder,
    args: (at) => [
      `--config-file=${at}/freshclam.conf`,
      `--datadir=${at}/${DATABASES}`,
      ...(record === undefined ? ['--no-dns'] : []),
      '--stdout',
      ...databases.map((database) => `--update-db=${database}`),
    ],
    timeout,
    certificates: await writeCertificates(folder),
  });
  if (ended.exitCode !== 0) requireNoLack(engine, ended);
  const line = tellingLine(ended).replaceAll(/\/\/[^/\s]*@/g, '//');
  return { went: ended.exitCode === 0, said: `freshclam ${engine.version}, ${endOf(ended)}: ${line}` };
}
