import { createHash } from 'node:crypto';
import { bytes, counted } from '../../base/words.ts';
import { cdiffName } from '../../cvd/names.ts';
import { feed } from '../../files/feed.ts';
import { asVerdict } from '../../files/verify.ts';
import { CdiffVerifier } from '../../verify/cdiff.ts';
import { CvdVerifier } from '../../verify/cvd.ts';
import { VerifyError } from '../../verify/error.ts';
import { DigestSet } from '../../verify/sign.ts';
import type { Finding, Findings } from '../finding.ts';
import { proveSign, type SignOf, signOfCdiff, signOfCvd } from '../one-sign.ts';
import { statusFault } from '../status-advice.ts';
import { guarded, type Served, type Site } from '../target.ts';
import { fetchSign } from './signs.ts';
import { UNPROVEN_ADVICE } from './version.ts';

/** A file to prove. */
interface Wanted {
  readonly name: string;
  readonly sign: SignOf;
  readonly verifier: { write(chunk: Uint8Array): void; end(): unknown };
}

/** Downloads a database, its CDIFFs and their `.sign` files, and proves every byte. Keeps no file. */
export async function checkFully(
  site: Site,
  { database, name, header }: Served,
  { versions, limit }: { readonly versions: Iterable<number>; readonly limit: number },
): Promise<Finding[]> {
  const wanted: Wanted[] = [
    {
      name,
      sign: signOfCvd(database, header.version),
      verifier: new CvdVerifier(site.trust, { database, version: header.version }),
    },
  ];
  for (const version of versions) {
    const verifier = new CdiffVerifier(site.trust, { database, version });
    wanted.push({ name: cdiffName(database, version), sign: signOfCdiff(database, version), verifier });
  }
  const faults: Finding[] = [];
  const proven = { files: 0, signs: 0, size: 0 };
  for (const file of wanted) {
    const found = await guarded(
      database,
      'every byte',
      async (findings) => {
        const { digests, size } = await prove(site, file, limit);
        proven.files++;
        proven.size += size;
        if (await proveSignOf(site, file.sign, digests, findings)) proven.signs++;
      },
      UNPROVEN_ADVICE,
    );
    faults.push(...found);
  }
  if (faults.length > 0) return faults;
  const what = `${counted(proven.files, 'file')} proven (${bytes(proven.size)}), ${proven.signs} of them by .sign files too`;
  return await guarded(database, 'every byte', async (findings) => findings.good(what));
}

async function prove({ client, manifest }: Site, { name, verifier }: Wanted, limit: number) {
  const digests = new DigestSet();
  const sha256 = createHash('sha256');
  let size = 0;
  await client.stream(name, limit, async (chunk) => {
    await feed([chunk], (piece) => asVerdict(() => verifier.write(piece)));
    digests.update(chunk);
    sha256.update(chunk);
    size += chunk.length;
  });
  asVerdict(() => verifier.end());
  const said = manifest?.files[name]?.sha256;
  if (said !== undefined && said !== sha256.digest('hex')) {
    throw new VerifyError('verify/mismatch', `${name} is not the file that the manifest names`);
  }
  return { digests: digests.digests(), size };
}

/** Proves the `.sign` of a file; false if there is none. */
async function proveSignOf(
  site: Site,
  sign: SignOf,
  digests: ReturnType<DigestSet['digests']>,
  findings: Findings,
): Promise<boolean> {
  const bytes = await fetchSign(site, sign.name);
  if (bytes === 404 || bytes === 410) return false;
  if (typeof bytes === 'number') {
    statusFault(findings, bytes, [sign.name]);
    return false;
  }
  proveSign(bytes, sign, digests, site.trust);
  return true;
}
