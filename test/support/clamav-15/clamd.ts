import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { refusedIn } from './load.ts';
import { argumentOf, encodeConf, parseConf, takeArguments, takeLines } from './options.ts';
import { runReal } from './real.ts';
import { BrokenCertificates, readSettings, type Settings } from './settings.ts';

const WHY = "Can't verify database integrity";
const RELOAD_FAILED = `ERROR: reload_th: Database load failed: ${WHY}\nWARNING: Database reload failed, keeping the previous instance`;

const [, , file = '', ...given] = process.argv;
process.exitCode = await serve(readSettings(file), given);

/**
 * `clamd` of 1.5: the real one, once every database has passed as 1.5 checks it at the start. Of a reload that 1.5 would
 * refuse it says what 1.5 says; but the real one has taken it by then, and goes on with it.
 */
async function serve(settings: Settings, given: readonly string[]): Promise<number> {
  const { own, rest } = takeArguments(given);
  const path = argumentOf(rest, '--config-file', '-c');
  if (path === undefined || rest.some((arg) => /^(?:--version|--help|-V|-h)$/.test(arg)))
    return await runReal(settings.real.clamd, rest);
  const lines = takeLines(parseConf(readFileSync(path, 'utf8')));
  const folder =
    argumentOf(rest, '--datadir') ??
    lines.rest.findLast(({ key }) => key === 'DatabaseDirectory')?.value ??
    '/var/lib/clamav';
  const certificates =
    own.certificates ?? lines.own.certificates ?? process.env.CVD_CERTS_DIR ?? settings.certificates;
  const check = () => refusedIn(folder, { fips: own.fips || lines.own.fips, certificates, settings })[0];
  const work = mkdtempSync(join(tmpdir(), 'clamav-15-'));
  try {
    const refused = check();
    if (refused !== undefined) {
      process.stderr.write(`${refusal(refused)}ERROR: ${WHY}\n`);
      return 1;
    }
    const copy = join(work, 'clamd.conf');
    writeFileSync(copy, encodeConf(lines.rest), { mode: 0o600 });
    const args = rest.map((arg) => (arg === path ? copy : arg.replace(/^(--config-file=).*/, `$1${copy}`)));
    return await runReal(settings.real.clamd, args, {
      onLine: (line) => {
        const refused = line.includes('Database correctly reloaded') ? check() : undefined;
        return refused === undefined ? line : refusal(refused) + RELOAD_FAILED;
      },
    });
  } catch (error) {
    if (!(error instanceof BrokenCertificates)) throw error;
    process.stderr.write(`LibClamAV Error: Failed to initialize: ${error.message}\n`);
    return 1;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** As the real ones say it. */
function refusal(cvd: string): string {
  return `LibClamAV Error: Can't load ${cvd}: ${WHY}\nLibClamAV Error: cli_loaddbdir: error loading database ${cvd}\n`;
}
