import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { bytes, printJson, streamLog } from '../../base/log.ts';
import { GZIP_HEADER, GZIP_HEADER_SIZE } from '../../cvd/deflate/gzip.ts';
import { type CvdHeader, HEADER_SIZE, parseHeader } from '../../cvd/header.ts';
import { syncFolder } from '../../files/atomic.ts';
import { readStart } from '../../files/open.ts';
import { asVerdict, verifyCdiffFile, verifyCvdFile } from '../../files/verify.ts';
import { rebuildCvd } from '../../rebuild/rebuild-cvd.ts';
import { syncSettings } from '../../settings/commands/sync.ts';
import { withConfig } from '../../settings/config/config.ts';
import { given } from '../../settings/environment.ts';
import { SettingError } from '../../settings/read.ts';
import { NO_COOL_DOWN } from '../../upstream/cool-down.ts';
import { PROBE_SIZE } from '../../upstream/http-client.ts';
import { openUpstream } from '../../upstream/open.ts';
import { verifyHeader } from '../../verify/cvd.ts';
import { VerifyError } from '../../verify/error.ts';
import { TALOS } from '../../verify/trust.ts';

export interface RebuildFlags {
  readonly from: string;
  readonly cdiff: readonly string[];
  /** A file or a URL. */
  readonly header: string;
  readonly output: string;
}

/** The user has named the file, be it by a link. */
const NAMED = { follow: true };

/** `clamav-mirror rebuild`: an official CVD out of an earlier one, CDIFFs, and half a kilobyte. */
export async function rebuild(flags: RebuildFlags, json: boolean): Promise<'good'> {
  const log = streamLog(process.stderr);
  const old = await verifyCvdFile(flags.from, TALOS, {}, NAMED);
  const cdiffs = await Promise.all(
    flags.cdiff.map(async (path) => {
      const { version, empty } = await verifyCdiffFile(path, TALOS, { database: old.database }, NAMED);
      if (empty)
        throw new VerifyError('verify/mismatch', `${path} is empty: there is no way around the full CVD`);
      return { version, path };
    }),
  );
  cdiffs.sort((a, b) => a.version - b.version);
  const start = await readHeader(flags.header);
  const temporary = `${flags.output}.${randomUUID()}`;
  try {
    const task = { database: old.database, old: flags.from, cdiffs, ...start, output: temporary };
    const made = await rebuildCvd(task, TALOS, (done) => log.progress(`${bytes(done)} rebuilt`));
    await rename(temporary, flags.output);
    await syncFolder(dirname(flags.output));
    const { version } = made.header;
    if (json) {
      const { database, size, sha256, md5 } = made;
      printJson(process.stdout, { output: flags.output, database, version, size, sha256, md5 }, 0);
    } else {
      log.info(
        `${flags.output}: ${old.database} ${version}, ${bytes(made.size)}, bit for bit as Talos signed it`,
      );
    }
    return 'good';
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Reads the new version's signed header and the gzip header behind it; 512 bytes alone get today's gzip header. */
async function readHeader(source: string): Promise<{ header: CvdHeader; gzipHeader: Uint8Array }> {
  const start = /^https?:/.test(source) ? await probe(source) : await readStart(source, PROBE_SIZE, NAMED);
  const header = asVerdict(() => verifyHeader(parseHeader(start.subarray(0, HEADER_SIZE)), TALOS));
  const gzipHeader = Uint8Array.from(start.subarray(HEADER_SIZE));
  return { header, gzipHeader: gzipHeader.length === GZIP_HEADER_SIZE ? gzipHeader : GZIP_HEADER };
}

async function probe(source: string): Promise<Buffer> {
  const url = new URL(source);
  const name = basename(url.pathname);
  if (name === '')
    throw new SettingError('setting/invalid', `--header needs the URL of a CVD, not ${source}`);
  const settings = syncSettings(
    await withConfig(given({ upstream: new URL('.', url).href, dns: 'off' }), 'rebuild'),
  );
  const [at = ''] = settings.upstreams;
  await using upstream = openUpstream({
    url: at,
    userAgent: settings.userAgent(randomUUID()),
    proxies: settings.proxies,
    coolDown: NO_COOL_DOWN,
    now: () => new Date(),
  });
  return await upstream.client().probe(name);
}
