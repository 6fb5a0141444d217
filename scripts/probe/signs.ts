import { parseClamSign, SIGN_LIMIT } from '../cvd/clamsign.ts';
import { cdiffSignName, cvdSignName } from '../cvd/names.ts';
import { asVerdict } from '../files/verify.ts';
import { type Finding, listed } from './finding.ts';
import { guarded, type Served, type Site } from './site.ts';

/** Where an older one is missing, clients fall back to the signature inside: those two are looked at. */
export async function checkSigns(site: Site, { database, header }: Served): Promise<Finding[]> {
  const { client, manifest } = site;
  const names = [cvdSignName(database, header.version), cdiffSignName(database, header.version)];
  return await guarded(
    database,
    '.sign files',
    async (findings) => {
      const there: string[] = [];
      const lost: string[] = [];
      for (const name of names) {
        const { status, body } = await client.ask(name, { keep: SIGN_LIMIT + 1 });
        if (status === 200) {
          asVerdict(() => parseClamSign(body));
          there.push(name);
        } else if (manifest?.files[name] !== undefined) lost.push(name); // else it is a missing file like others
      }
      if (lost.length > 0) {
        findings.fault(
          `${listed(lost)} is in the manifest and not served`,
          'Publish it again, or run a sync',
        );
      } else if (there.length > 0) findings.good(`${listed(there)} well-formed; --full proves them`);
      else if (manifest !== undefined) findings.good('the mirror has none of this version');
      else
        findings.warning(
          'there are none',
          'Mirror them too: ClamAV 1.5 and later in FIPS mode refuses what lacks one',
        );
    },
    'Publish the .sign as upstream has it, or none: ClamAV 1.5 and later refuses a database whose .sign is wrong',
  );
}
