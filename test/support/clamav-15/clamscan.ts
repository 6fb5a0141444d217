import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { refusedIn } from './load.ts';
import { argumentsOf, takeArguments } from './options.ts';
import { runReal } from './real.ts';
import { BrokenCertificates, F_LEVEL, readSettings, type Settings, VERSION } from './settings.ts';

const [, , file = '', ...given] = process.argv;
process.exitCode = await scan(readSettings(file), given);

/** `clamscan` of 1.5: the real one, once every database has passed as 1.5 checks it. */
async function scan(settings: Settings, given: readonly string[]): Promise<number> {
  const { own, rest } = takeArguments(given);
  const databases = argumentsOf(rest, '--database', '-d');
  const certificates = own.certificates ?? process.env.CVD_CERTS_DIR ?? settings.certificates;
  const work = mkdtempSync(join(tmpdir(), 'clamav-15-'));
  try {
    for (const database of databases.length === 0 ? ['/var/lib/clamav'] : databases) {
      const refused = refusedIn(database, { fips: own.fips, certificates, settings })[0];
      if (refused !== undefined) return sayRefused(refused, refused === database ? undefined : database);
    }
    const args = rest.map((arg) => withRaisedLevel(arg, settings, work));
    return await runReal(settings.real.clamscan, args);
  } catch (error) {
    if (!(error instanceof BrokenCertificates)) throw error;
    process.stderr.write(`LibClamAV Error: Failed to initialize: ${error.message}\n`);
    return 2;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** As the real ones say it. */
function sayRefused(cvd: string, folder: string | undefined): number {
  process.stderr.write(`LibClamAV Error: Can't load ${cvd}: Can't verify database integrity\n`);
  if (folder !== undefined)
    process.stderr.write(`LibClamAV Error: cli_loaddbdir: error loading database ${cvd}\n`);
  process.stderr.write("ERROR: Can't verify database integrity\n");
  process.stdout.write(
    `\n----------- SCAN SUMMARY -----------\nKnown viruses: 0\nEngine version: ${VERSION}\n`,
  );
  return 2;
}

/** The real engine skips what asks for a higher f-level than its own; so what the stand-in knows asks for less. */
function withRaisedLevel(arg: string, { realFLevel }: Settings, work: string): string {
  const [, path] = /^(?:--database=)(.*\.ldb)$/.exec(arg) ?? [];
  if (path === undefined) return arg;
  const text = readFileSync(path, 'latin1').replace(/(?<=;Engine:)(\d+)(?=-)/g, (level) =>
    Number(level) > realFLevel && Number(level) <= F_LEVEL ? String(realFLevel) : level,
  );
  const copy = join(work, basename(path));
  writeFileSync(copy, text, 'latin1');
  return `--database=${copy}`;
}
