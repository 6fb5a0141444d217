import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isCoolingDown } from './freshclam/cool-down.ts';
import { Signs } from './freshclam/flow.ts';
import { startForwarder } from './freshclam/forwarder.ts';
import { Upstream } from './freshclam/upstream.ts';
import { argumentOf, type ConfLine, encodeConf, parseConf, takeArguments, takeLines } from './options.ts';
import { runReal } from './real.ts';
import { BrokenCertificates, readCertificates, readSettings, type Settings } from './settings.ts';

const USUAL_CONF = '/etc/clamav/freshclam.conf';
const USUAL_FOLDER = '/var/lib/clamav';
/** Loopback is asked directly; the forwarder goes through the proxy. */
const OWN_LINES = ['HTTPProxyServer', 'HTTPProxyPort', 'HTTPProxyUsername', 'HTTPProxyPassword'];

const [, , file = '', ...given] = process.argv;
process.exitCode = await update(readSettings(file), given);

/** `freshclam` of 1.5: the real one, with a forwarder between it and its mirrors that does what 1.5 does beside it. */
async function update(settings: Settings, given: readonly string[]): Promise<number> {
  const { own, rest } = takeArguments(given);
  if (rest.some((arg) => /^(?:--version|--help|--list-mirrors|-V|-h)$/.test(arg)))
    return await runReal(settings.real.freshclam, rest);
  if (rest.some((arg) => /^(?:--daemon|-d)$/.test(arg))) {
    process.stderr.write('ERROR: the stand-in for ClamAV 1.5 has no daemon: run it from time to time\n');
    return 40;
  }
  const path = argumentOf(rest, '--config-file') ?? USUAL_CONF;
  const lines = takeLines(parseConf(readFileSync(path, 'utf8')));
  const folder =
    argumentOf(rest, '--datadir') ??
    lines.rest.findLast(({ key }) => key === 'DatabaseDirectory')?.value ??
    USUAL_FOLDER;
  const certificates =
    own.certificates ?? lines.own.certificates ?? process.env.CVD_CERTS_DIR ?? settings.certificates;
  const work = mkdtempSync(join(tmpdir(), 'clamav-15-'));
  try {
    readCertificates(certificates);
    await using upstream = new Upstream(lines.rest);
    const signs = new Signs(upstream, folder, { fips: own.fips || lines.own.fips, certificates, settings });
    await using forwarder = await startForwarder(upstream, signs);
    const wasCooling = isCoolingDown(folder);
    const copy = join(work, 'freshclam.conf');
    writeFileSync(copy, encodeConf(throughForwarder(lines.rest, forwarder.urlFor)), { mode: 0o600 });
    const args = rest.filter(
      (arg, at) => !/^--config-file(?:=|$)/.test(arg) && rest[at - 1] !== '--config-file',
    );
    const exitCode = await runReal(settings.real.freshclam, [`--config-file=${copy}`, ...args], {
      onLine: forwarder.named,
      environment: { ...process.env, no_proxy: '127.0.0.1', NO_PROXY: '127.0.0.1' },
    });
    const [mirror] = lines.rest.filter(isMirror);
    if (exitCode === 0 && !wasCooling && mirror !== undefined && !rest.includes('--no-dns'))
      await signs.askUntouched(
        new URL(mirror.value.includes('://') ? mirror.value : `http://${mirror.value}`),
      );
    signs.settle();
    return exitCode;
  } catch (error) {
    if (!(error instanceof BrokenCertificates)) throw error;
    process.stderr.write(`ERROR: Failed to initialize: ${error.message}\n`);
    return 2;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function throughForwarder(lines: readonly ConfLine[], urlFor: (mirror: string) => string): ConfLine[] {
  return lines
    .filter(({ key }) => !OWN_LINES.includes(key))
    .map((line) => (isMirror(line) ? { ...line, value: urlFor(line.value) } : line));
}

function isMirror({ key }: ConfLine): boolean {
  return key === 'DatabaseMirror' || key === 'PrivateMirror';
}
