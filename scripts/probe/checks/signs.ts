import { SIGN_BYTES } from '../../base/limits/databases.ts';
import { moment } from '../../base/words.ts';
import { ENDS_SOON_MS, harmed, shutOut, signProblemOf } from '../../mirror/signs/sign-problem.ts';
import { ProbeError } from '../error.ts';
import type { Finding, Findings } from '../finding.ts';
import { isForAll, type ProvenSign, proveSign, type SignOf, signOfCdiff, signOfCvd } from '../one-sign.ts';
import { statusFault } from '../status-advice.ts';
import { guarded, type Served, type Site } from '../target.ts';

const CHECK = '.sign files';

/** Result of checking the `.sign` files of a database. */
export interface Signs {
  readonly findings: readonly Finding[];
  /** Names of those that are served, good or not. */
  readonly there: readonly string[];
}

/**
 * Checks the `.sign` files of a CVD and of its newest CDIFF. Clients with FIPS limits need that of the CVD, and it must be
 * good if it is served. Nobody needs that of a CDIFF, but a bad one costs each client of ClamAV ≥ 1.5 a whole download. Both
 * are proven against the manifest; `--full` reads the files that they sign too.
 */
export async function checkSigns(site: Site, served: Served): Promise<Signs> {
  const { database, header } = served;
  const there: string[] = [];
  const check = async (sign: SignOf, judge: (found: ProvenSign | 'missing', findings: Findings) => void) =>
    await guarded(database, CHECK, async (findings) => {
      const bytes = await fetchSign(site, sign.name);
      if (bytes === 404 || bytes === 410) return judge('missing', findings);
      if (typeof bytes === 'number') return void statusFault(findings, bytes, [sign.name]);
      there.push(sign.name);
      judge(proveSign(bytes, sign, digestsOf(site, served, sign), site.trust), findings);
    });
  const ofCvd = signOfCvd(database, header.version);
  const findings = [
    ...(await check(ofCvd, (found, list) => {
      if (found === 'missing') tellMissing(site, served, { sign: ofCvd, findings: list });
      else tellGood(found, site.now, { sign: ofCvd, findings: list });
    })),
    ...(await check(signOfCdiff(database, header.version), () => {})),
  ];
  return { findings, there };
}

/** Fetches a `.sign`: its bytes, or a status other than 200. Throws `ProbeError`. */
export async function fetchSign({ client }: Site, name: string): Promise<Buffer | number> {
  const { status, body, ended } = await client.ask(name, { keep: SIGN_BYTES + 1 });
  if (status !== 200) return status;
  if (ended === 'cut')
    throw new ProbeError('probe/incomplete', `${name} breaks off after ${body.length} bytes`);
  return body;
}

/** Digest of the signed file by the manifest, if that has the served version. */
function digestsOf({ manifest }: Site, { database, header }: Served, { signs }: SignOf) {
  const record =
    manifest?.databases[database]?.version === header.version ? manifest.files[signs] : undefined;
  return record === undefined ? {} : { sha256: Buffer.from(record.sha256, 'hex') };
}

function tellMissing(
  { manifest, now }: Site,
  { database, header }: Served,
  { sign, findings }: { sign: SignOf; findings: Findings },
): void {
  const record = manifest?.databases[database];
  if (manifest?.files[sign.name] !== undefined) {
    const what = `${sign.name} is in the manifest and not served; ${shutOut(database)}`;
    findings.fault(what, 'Publish it again, or run a sync');
    return;
  }
  const known = record?.version === header.version ? signProblemOf(database, record, now) : undefined;
  if (known?.kind === 'absent')
    findings.warning(known.what, 'Each sync asks upstream for it, and publishes it once it is good');
  else
    findings.warning(`there is no ${sign.name}; ${shutOut(database)}`, 'Mirror it too, if upstream has it');
}

function tellGood(
  proven: ProvenSign,
  now: Date,
  { sign: { database, name }, findings }: { sign: SignOf; findings: Findings },
): void {
  const until = moment(proven.notAfter);
  if (proven.notAfter.getTime() - now.getTime() <= ENDS_SOON_MS) {
    findings.warning(
      `${name} is valid until ${until}; from then on ${harmed(database)}`,
      'Publish the new one from upstream, as each sync does once it is there',
    );
  } else if (!isForAll(proven)) {
    findings.warning(
      `${name} is not made for all engines that read it; for the others, ${shutOut(database)}`,
      'Publish the .sign as upstream has it now',
    );
  } else {
    const how = proven.fits
      ? 'for the CVD of the manifest'
      : 'by itself; --full proves that it signs this CVD';
    findings.good(`${name} is good until ${until}, ${how}`);
  }
}
