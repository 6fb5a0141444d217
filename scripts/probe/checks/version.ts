import { INFO_BYTES } from '../../base/limits/databases.ts';
import { BODY_BYTES } from '../../base/limits/mirror.ts';
import { CvdReader } from '../../cvd/container/reader.ts';
import { verifyPssSignature } from '../../cvd/dsig.ts';
import { encodeHeaderLine, HEADER_SIZE, parseHeader, unseal } from '../../cvd/header.ts';
import { infoDigest, parseInfo } from '../../cvd/info.ts';
import { CLD_ADVICE, cvdName } from '../../cvd/names.ts';
import { asVerdict } from '../../files/verify.ts';
import { verifyHeader } from '../../verify/cvd.ts';
import { VerifyError } from '../../verify/error.ts';
import { sizeOf, wrongPart } from '../content-range.ts';
import { type Finding, Findings, quoted } from '../finding.ts';
import type { Answer } from '../http-client.ts';
import { statusFault } from '../status-advice.ts';
import { guarded, type Served, type Site } from '../target.ts';
import { isCld } from './missing.ts';

/** Bytes to read for `.info`. COPYING and `.info` come first in a CVD; in hybrid builds later (clamav-formats.md §5). */
const START_SIZES = [65_536, BODY_BYTES];

/**
 * Does the version check of a client: `Range: bytes=0-511`. Without a proper header, no other check of the database is
 * possible.
 */
export async function checkStart(
  site: Site,
  database: string,
): Promise<{ findings: Finding[]; served: Served | undefined }> {
  const name = cvdName(database);
  const range = new Findings(database, 'range');
  let served: Served | undefined;
  const signature = await guarded(
    database,
    'signature',
    async (findings) => {
      const answer = await site.client.ask(name, {
        headers: { range: `bytes=0-${HEADER_SIZE - 1}` },
        keep: HEADER_SIZE,
      });
      if (!(await isThere(site, answer, database, findings))) return;
      if (answer.body.length < HEADER_SIZE) {
        findings.fault(`${name} ends after ${answer.body.length} bytes`, 'Publish the whole file again');
        return;
      }
      judgeRange(answer, name, range);
      const header = asVerdict(() => parseHeader(answer.body));
      served = {
        database,
        name,
        header,
        head: answer.body,
        size: sizeOf(answer),
        ranged: answer.status === 206,
      };
      asVerdict(() => verifyHeader(header, site.trust));
      if (await checkInfo(site, served))
        findings.good(`version ${header.version}, header and .info signed by Talos`);
      else findings.good(`version ${header.version}, header signed by Talos; --full checks the rest`);
    },
    UNPROVEN_ADVICE,
  );
  return { findings: [...range.list, ...signature], served };
}

async function isThere(site: Site, answer: Answer, database: string, findings: Findings): Promise<boolean> {
  const name = cvdName(database);
  if (answer.status === 200 || answer.status === 206) return true;
  if (answer.status === 404 || answer.status === 410) {
    const cld = `${database}.cld`;
    const { body } = await site.client.ask(cld, { headers: { range: 'bytes=0-511' }, keep: 512 });
    if (isCld(cld, body)) {
      findings.fault(
        `there is no ${name}, but a ${cld}: this is a database folder that freshclam keeps`,
        CLD_ADVICE,
      );
      return false;
    }
    findings.fault(
      `there is no ${name}`,
      `Check the path in the URL. If ${database} is not meant to be mirrored, name the others with --databases`,
    );
  } else {
    statusFault(findings, answer.status, [name]);
  }
  return false;
}

function judgeRange(answer: Answer, name: string, range: Findings): void {
  if (answer.status === 200) {
    const size = sizeOf(answer);
    range.fault(
      `Range is ignored: each version check gets ${size === undefined ? 'all' : `all ${size} bytes`} of ${name}`,
      'Use a host that answers Range with 206 (nginx, lighttpd, Caddy, Apache, an object store; not python -m http.server)',
    );
    return;
  }
  const size = sizeOf(answer) ?? 0;
  const wrong = wrongPart(answer, { from: 0, to: HEADER_SIZE - 1, size });
  if (wrong === undefined) range.good(`the first ${HEADER_SIZE} bytes come alone`);
  else range.fault(`a wrong answer to Range: bytes=0-${HEADER_SIZE - 1}: ${wrong}`, RANGE_ADVICE);
}

export const UNPROVEN_ADVICE =
  'Publish a file that `clamav-mirror verify` proves: clients refuse this one, or fall behind';

export const RANGE_ADVICE =
  'Switch off whatever changes answers on the way (compression, a caching proxy), or use another host';

/**
 * Proves `.info`, which alone says which database a CVD is: any signed CVD loads under any name
 * (clamav-formats.md §6). False if it is not near the start. Throws `VerifyError`.
 */
async function checkInfo({ client, trust }: Site, { name, database, header }: Served): Promise<boolean> {
  for (const length of START_SIZES) {
    const { body } = await client.ask(name, { headers: { range: `bytes=0-${length - 1}` }, keep: length });
    const found = infoIn(body);
    if (found === undefined) continue;
    if (found.name !== `${database}.info`) {
      throw new VerifyError(
        'verify/wrong-database',
        `${name} holds ${quoted(found.name)}: it is another database`,
        {
          advice: 'Publish the right file under this name: clients take any signed database under any name',
        },
      );
    }
    const info = asVerdict(() => parseInfo(found.bytes));
    asVerdict(() => verifyPssSignature(infoDigest(info), info.dsig, trust.keys.info));
    if (encodeHeaderLine(unseal(header)) !== encodeHeaderLine(info.header)) {
      throw new VerifyError('verify/mismatch', 'the header is not the one that .info signs');
    }
    return true;
  }
  return false;
}

/** Finds `.info` in the start of a CVD; `undefined` if it is not there as a whole. */
function infoIn(start: Uint8Array): { name: string; bytes: Uint8Array } | undefined {
  let current: { name: string; size: number; bytes: Buffer[] } | undefined;
  let found: { name: string; bytes: Uint8Array } | undefined;
  const take = () => {
    if (current === undefined || found !== undefined) return;
    const bytes = Buffer.concat(current.bytes);
    if (bytes.length === current.size) found = { name: current.name, bytes };
  };
  const reader = new CvdReader({
    header() {},
    entry({ name, size }) {
      current = name.endsWith('.info') && size <= INFO_BYTES ? { name, size, bytes: [] } : undefined;
    },
    data(chunk) {
      current?.bytes.push(Buffer.from(chunk));
      take();
    },
  });
  asVerdict(() => {
    // in pieces, so that inflating ends with .info
    for (let at = 0; at < start.length && found === undefined; at += 1024)
      reader.write(start.subarray(at, at + 1024));
  });
  return found;
}
