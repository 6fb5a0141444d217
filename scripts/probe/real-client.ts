import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CLIENT_RUN_MS } from '../base/limits/mirror.ts';
import { cvdName, cvdSignName } from '../cvd/names.ts';
import { type Engine, endOf, run } from '../engine/engine.ts';
import { requireNoLack } from '../engine/shortages.ts';
import { proxyOptions, writeCertificates, writeConf } from '../files/clamav-conf.ts';
import { makeTemporaryFolder } from '../files/private-folder.ts';
import { versionIn } from '../proof/clients/freshclam.ts';
import { tellingLine } from '../proof/scenarios/scenario.ts';
import type { Base } from './bases.ts';
import type { Finding } from './finding.ts';
import { guarded, type Served } from './target.ts';

/** Differences between clients. */
export interface ClientKind {
  readonly name: string;
  /** Option of its `freshclam.conf` that names the mirror. */
  readonly option: 'DatabaseMirror' | 'PrivateMirror';
  readonly attempts: number;
  readonly fips: boolean;
  /** Databases that it already has, by name; default: none. */
  readonly bases?: ReadonlyMap<string, Base>;
}

interface Play {
  readonly url: string;
  readonly proxy: URL | undefined;
  readonly databases: readonly Served[];
  readonly kind: ClientKind;
  /** Milliseconds until the mirror is given up. Throws `probe/gave-up` if it is. */
  readonly left: () => number;
}

/**
 * Lets a real freshclam update, and clamscan load the result. The exit code of freshclam proves nothing (clamav-formats.md
 * §0.5): the versions that arrive must be right, and must load.
 */
export async function playClient(engine: Engine, play: Play): Promise<Finding[]> {
  const folder = await makeTemporaryFolder('clamav-mirror-probe-');
  try {
    return await guarded('mirror', `freshclam, ${play.kind.name}`, async (findings) => {
      const updated = await update(engine, folder, play);
      if ('wrong' in updated) {
        findings.fault(
          `freshclam ${engine.version} ${updated.wrong}`,
          'See the other findings; run freshclam --verbose against the mirror',
        );
        return;
      }
      const refused = await load(engine, folder, play);
      if (refused === undefined)
        findings.good(
          `freshclam ${engine.version} takes all of it, and clamscan loads it: ${updated.arrived}`,
        );
      else
        findings.fault(
          `freshclam ${engine.version} takes all of it, and clamscan does not load it: ${refused}`,
          'See the other findings, those on .sign files first',
        );
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function update(
  engine: Engine,
  folder: string,
  { url, proxy, databases, kind, left }: Play,
): Promise<{ readonly wrong: string } | { readonly arrived: string }> {
  const db = join(folder, 'db');
  await mkdir(db);
  for (const { database, version, path, sign } of kind.bases?.values() ?? []) {
    await copyFile(path, join(db, cvdName(database)));
    if (sign !== undefined) await copyFile(sign, join(db, cvdSignName(database, version)));
  }
  await writeConf(join(folder, 'freshclam.conf'), [
    [kind.option, url],
    ['DatabaseOwner', engine.databaseOwner],
    ['MaxAttempts', kind.attempts],
    ...(kind.fips ? [['FIPSCryptoHashLimits', true] as const] : []),
    ...(proxy === undefined ? [] : proxyOptions(proxy)),
  ]);
  const ended = await run(engine, {
    tool: 'freshclam',
    folder,
    args: (at) => [
      `--config-file=${at}/freshclam.conf`,
      `--datadir=${at}/db`,
      '--no-dns',
      '--stdout',
      ...databases.map(({ database }) => `--update-db=${database}`),
    ],
    timeout: Math.ceil(Math.min(CLIENT_RUN_MS, left())),
    certificates: await writeCertificates(folder),
  });
  const { exitCode, output } = ended;
  if (exitCode !== 0) requireNoLack(engine, ended);
  const arrived: string[] = [];
  for (const { database, header } of databases) {
    const found = await versionIn(db, database);
    if (found !== undefined && found.version >= header.version) {
      arrived.push(`${found.file} ${found.version}`);
      continue;
    }
    const has =
      found === undefined
        ? `takes no ${database}`
        : `has version ${found.version} of ${database}, not ${header.version}`;
    const said = output.split('\n').findLast((line) => /^(ERROR|WARNING)/.test(line.trim())) ?? '';
    const why = said === '' ? '' : `: ${said.trim().replaceAll(/\/\/[^/\s]*@/g, '//')}`; // no password
    return { wrong: `${has} (exit ${exitCode}${why})` };
  }
  return { arrived: arrived.join(', ') };
}

/** Loads the databases of a client. Returns why clamscan refuses them, or `undefined`. */
async function load(
  engine: Engine,
  folder: string,
  { kind: { fips }, left }: Play,
): Promise<string | undefined> {
  await writeFile(join(folder, 'harmless.txt'), 'Nothing in this line is harmful.\n');
  const ended = await run(engine, {
    tool: 'clamscan',
    folder,
    args: (at) => [
      `--database=${at}/db`,
      ...(fips ? ['--fips-limits'] : []),
      '--no-summary',
      `${at}/harmless.txt`,
    ],
    timeout: Math.ceil(Math.min(CLIENT_RUN_MS, left())),
  });
  if (ended.exitCode !== 0) requireNoLack(engine, ended);
  return ended.exitCode === 0 ? undefined : `${endOf(ended)}, ${tellingLine(ended)}`;
}
