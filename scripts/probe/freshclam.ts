import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf, explain } from '../errors.ts';
import { versionIn } from '../proof/client.ts';
import { run } from '../proof/engine.ts';
import { findNativeEngine } from '../proof/native.ts';
import { type Finding, Findings } from './finding.ts';
import { guarded, type Served } from './site.ts';

/** Milliseconds for one run, which downloads and loads everything. */
const TIMEOUT = 30 * 60_000;

/** The two kinds of clients. */
const CLIENTS = ['DatabaseMirror', 'PrivateMirror'] as const;

/**
 * What the freshclam of this machine makes of the mirror, with an empty folder. Its exit code proves nothing
 * (clamav-formats.md §0.5), so what counts is the version that arrives. `path` is a PATH.
 */
export async function checkWithFreshclam(
  url: string,
  databases: readonly Served[],
  path: string,
): Promise<Finding[]> {
  const engine = await findNativeEngine(path).catch((error) => {
    if (codeOf(error)?.startsWith('engine/') !== true) throw error;
    return explain(error);
  });
  if (typeof engine === 'string') {
    return new Findings('mirror', 'freshclam').warning(engine, 'Install ClamAV, or leave --client out').list;
  }
  const findings: Finding[] = [];
  for (const kind of CLIENTS) {
    const folder = await mkdtemp(join(tmpdir(), 'clamav-mirror-probe-'));
    const check = `freshclam, ${kind}`;
    try {
      const found = await guarded('mirror', check, async (result) => {
        await mkdir(join(folder, 'db'));
        const lines = [`${kind} ${url}`, `DatabaseOwner ${engine.databaseOwner}`, 'MaxAttempts 1', ''];
        await writeFile(join(folder, 'freshclam.conf'), lines.join('\n'));
        const { exitCode, output } = await run(engine, {
          tool: 'freshclam',
          folder,
          args: (at) => [
            `--config-file=${at}/freshclam.conf`,
            `--datadir=${at}/db`,
            '--no-dns',
            '--stdout',
            ...databases.map(({ database }) => `--update-db=${database}`),
          ],
          timeout: TIMEOUT,
        });
        const said = output.split('\n').findLast((line) => /^(ERROR|WARNING)/.test(line.trim())) ?? '';
        const why = said === '' ? '' : `: ${said.trim().replaceAll(/\/\/[^/\s]*@/g, '//')}`; // no password
        const wrong = await whatIsWrong(join(folder, 'db'), databases);
        if (wrong === undefined) result.good(`freshclam ${engine.version} takes and loads all of it`);
        else {
          result.fault(
            `freshclam ${engine.version} ${wrong} (exit ${exitCode}${why})`,
            'See the other findings; run freshclam --verbose against the mirror',
          );
        }
      });
      findings.push(...found);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return findings;
}

async function whatIsWrong(folder: string, databases: readonly Served[]): Promise<string | undefined> {
  for (const { database, header } of databases) {
    const found = await versionIn(folder, database);
    if (found === undefined) return `takes no ${database}`;
    const { version } = found;
    if (version < header.version) return `has version ${version} of ${database}, not ${header.version}`;
  }
  return undefined;
}
