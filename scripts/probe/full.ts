import { createHash } from 'node:crypto';
import { SIGN_LIMIT } from '../cvd/clamsign.ts';
import { cdiffName, cdiffSignName, cvdSignName } from '../cvd/names.ts';
import { asVerdict } from '../files/verify.ts';
import { bytes } from '../log.ts';
import { CdiffVerifier } from '../verify/cdiff.ts';
import { CvdVerifier } from '../verify/cvd.ts';
import { VerifyError } from '../verify/error.ts';
import { DigestSet, isDoubt, verifySign } from '../verify/sign.ts';
import type { Finding, Findings } from './finding.ts';
import { guarded, type Served, type Site } from './site.ts';
import { UNPROVEN_ADVICE } from './start.ts';

/** One file that is to be proven. */
interface Wanted {
  readonly name: string;
  readonly sign: string;
  readonly verifier: { write(chunk: Uint8Array): void; end(): unknown };
}

/** Downloads a database and its CDIFFs and proves every byte of them and of their `.sign` files; keeps none. */
export async function checkFully(
  site: Site,
  { database, name, header }: Served,
  { versions, limit }: { readonly versions: Iterable<number>; readonly limit: number },
): Promise<Finding[]> {
  const wanted: Wanted[] = [
    {
      name,
      sign: cvdSignName(database, header.version),
      verifier: new CvdVerifier(site.trust, { database, version: header.version }),
    },
  ];
  for (const version of versions) {
    const verifier = new CdiffVerifier(site.trust, { database, version });
    wanted.push({ name: cdiffName(database, version), sign: cdiffSignName(database, version), verifier });
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
        if (await proveSign(site, file.sign, digests, findings)) proven.signs++;
      },
      UNPROVEN_ADVICE,
    );
    faults.push(...found);
  }
  if (faults.length > 0) return faults;
  const what = `${proven.files} files proven (${bytes(proven.size)}), ${proven.signs} of them by .sign files too`;
  return await guarded(database, 'every byte', async (findings) => findings.good(what));
}

async function prove({ client, manifest }: Site, { name, verifier }: Wanted, limit: number) {
  const digests = new DigestSet();
  const sha256 = createHash('sha256');
  let size = 0;
  await client.stream(name, limit, (chunk) => {
    asVerdict(() => verifier.write(chunk));
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

/** False if there is none. */
async function proveSign(
  { client, trust }: Site,
  name: string,
  digests: ReturnType<DigestSet['digests']>,
  findings: Findings,
): Promise<boolean> {
  const { status, body } = await client.ask(name, { keep: SIGN_LIMIT + 1 });
  if (status !== 200) return false;
  try {
    asVerdict(() => verifySign(body, digests, trust));
  } catch (error) {
    if (!isDoubt(error))
      throw new VerifyError('verify/signature', `${name} does not sign its file`, { cause: error });
    findings.warning(`${name}: ${error.message}`, 'Serve .sign files as upstream has them, or none');
  }
  return true;
}
