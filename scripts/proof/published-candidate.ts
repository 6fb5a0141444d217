import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { cdiffName, cvdName, cvdSignName, parseFileName } from '../cvd/names.ts';
import { linkOrCopy, readStart } from '../files/open.ts';
import type { Candidate, EarlierCvd, StagedDatabase } from './scenarios/scenario.ts';

/**
 * Builds a candidate from what is published now, to prove it in place of the new databases: its CVDs with their `.sign`
 * files, and the CDIFFs of the stage that are already published. Its clients come from retained versions. Creates
 * `folder`.
 */
export async function publishedCandidate(candidate: Candidate, folder: string): Promise<Candidate> {
  await mkdir(folder);
  const names = await publishedCdiffs(candidate);
  const staged = new Map<string, StagedDatabase>();
  for (const [database, { version, path, sign }] of candidate.published) {
    await linkOrCopy(path, join(folder, cvdName(database)));
    if (sign !== undefined) await linkOrCopy(sign, join(folder, cvdSignName(database, version)));
    for (const name of names) {
      const file = parseFileName(name);
      if (file?.database === database && (file.version ?? 0) <= version)
        await linkOrCopy(join(candidate.folder, name), join(folder, name));
    }
    const { signatures, fLevel } = parseHeader(await readStart(path, HEADER_SIZE));
    staged.set(database, { version, signatures, fLevel, cdiffs: chainTo(version, database, names) });
  }
  const retained = new Map(
    [...candidate.retained].flatMap(([database, cvds]) => {
      const { version = 0 } = staged.get(database) ?? {};
      const earlier = cvds.filter((cvd) => cvd.version <= version);
      return earlier.length === 0 ? [] : [[database, earlier] as const];
    }),
  );
  const published = new Map(
    [...candidate.published].map(([database, cvd]) => [database, newest(retained.get(database)) ?? cvd]),
  );
  return { ...candidate, folder, staged, published, retained };
}

/** CDIFFs in the stage, with their `.sign` files, that clients get now. */
async function publishedCdiffs({ folder, publishedFiles }: Candidate): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => {
    const file = parseFileName(name);
    const isOfCdiff = file?.kind === 'cdiff' || (file?.kind === 'sign' && file.signs.endsWith('.cdiff'));
    return isOfCdiff && publishedFiles?.has(name) === true;
  });
}

function chainTo(last: number, database: string, names: readonly string[]): StagedDatabase['cdiffs'] {
  let first = last + 1;
  while (names.includes(cdiffName(database, first - 1))) first--;
  return first > last ? null : { first, last };
}

function newest(cvds: readonly EarlierCvd[] = []): EarlierCvd | undefined {
  return [...cvds].sort((a, b) => b.version - a.version)[0];
}
