import { createWriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { explain, MirrorError } from '../base/errors.ts';
import { archiveName, archiveSignName } from '../cvd/names.ts';
import { makeTemporaryFolder } from '../files/private-folder.ts';
import { asVerdict } from '../files/verify.ts';
import { archivedVersions } from '../mirror/archive.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { CvdVerifier } from '../verify/cvd.ts';
import { DigestSet, type FileDigests } from '../verify/sign.ts';
import { fetchSign } from './checks/signs.ts';
import type { Findings } from './finding.ts';
import { proveSign, signOfCvd } from './one-sign.ts';
import type { Served, Site } from './target.ts';

/** A proven copy of an earlier version of a database, on this machine. */
export interface Base {
  readonly database: string;
  readonly version: number;
  readonly path: string;
  /** Path of its `.sign`, if the mirror has a good one. */
  readonly sign: string | undefined;
}

/**
 * Downloads from the mirror's archive, for each database, the oldest version from which its CDIFFs lead to the newest. A
 * version that cannot be downloaded is a warning: rollbacks need it, clients do not.
 */
export async function findBases(
  site: Site,
  databases: readonly Served[],
  maxSize: number,
  findings: Findings,
): Promise<Base[]> {
  const bases: Base[] = [];
  for (const { database } of databases) {
    const version = oldestBase(site.manifest, database);
    if (version === undefined) continue;
    const folder = await makeTemporaryFolder('clamav-mirror-base-');
    try {
      bases.push(await download(site, { database, version }, { folder, maxSize }));
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      if (!(error instanceof MirrorError)) throw error;
      findings.warning(
        `${archiveName(database, version)} cannot be used: ${explain(error)}`,
        'Verify the store: a rollback would need this file',
      );
    }
  }
  return bases;
}

export async function removeBases(bases: readonly Base[]): Promise<void> {
  for (const { path } of bases) await rm(dirname(path), { recursive: true, force: true });
}

function oldestBase(manifest: Manifest | undefined, database: string): number | undefined {
  const first = manifest?.databases[database]?.cdiffs?.first;
  if (first === undefined) return undefined;
  return archivedVersions(manifest, database).findLast((version) => version >= first - 1);
}

/** Throws `ProbeError`, `VerifyError`. */
async function download(
  site: Site,
  { database, version }: { database: string; version: number },
  { folder, maxSize }: { folder: string; maxSize: number },
): Promise<Base> {
  const [name, path] = [archiveName(database, version), join(folder, 'base.cvd')];
  const verifier = new CvdVerifier(site.trust, { database, version });
  const digests = new DigestSet();
  const file = createWriteStream(path, { flags: 'wx' });
  const written = finished(file);
  written.catch(() => {}); // awaited below
  try {
    await site.client.stream(name, maxSize, (chunk) => {
      asVerdict(() => verifier.write(chunk));
      digests.update(chunk);
      file.write(chunk);
    });
    asVerdict(() => verifier.end());
  } catch (error) {
    file.destroy();
    throw error;
  }
  file.end();
  await written;
  const bytes = await goodSign(site, { database, version }, digests.digests());
  if (bytes === undefined) return { database, version, path, sign: undefined };
  const sign = join(folder, 'base.sign');
  await writeFile(sign, bytes);
  return { database, version, path, sign };
}

/** Archived `.sign` of a version; `undefined` if there is none that is still valid. */
async function goodSign(
  site: Site,
  { database, version }: { database: string; version: number },
  digests: FileDigests,
): Promise<Uint8Array | undefined> {
  const name = archiveSignName(database, version);
  if (site.manifest?.files[name] === undefined) return undefined;
  try {
    const bytes = await fetchSign(site, name);
    if (typeof bytes === 'number') return undefined;
    proveSign(bytes, { ...signOfCvd(database, version), name }, digests, site.trust);
    return bytes;
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    return undefined;
  }
}
