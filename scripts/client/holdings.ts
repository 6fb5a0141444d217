import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { type CvdHeader, HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { cldName, cvdName } from '../cvd/names.ts';
import { asVerdict, readStart, verifyCldFile, verifyCvdFile } from '../files/verify.ts';
import { VerifyError } from '../verify/error.ts';
import type { Trust } from '../verify/trust.ts';

/** A database in a client's folder. */
export interface Holding {
  /** `daily.cvd`, or `daily.cld` if CDIFFs made it. */
  readonly file: string;
  readonly header: CvdHeader;
}

/** Reads what freshclam left in a folder, by database: it has proven what it took. Of a CVD and a CLD, the newer counts. */
export async function holdingsIn(
  folder: string,
  databases: readonly string[],
): Promise<ReadonlyMap<string, Holding>> {
  const read = async (path: string) => {
    const start = await readStart(path, HEADER_SIZE);
    return asVerdict(() => parseHeader(start));
  };
  return await newest(folder, databases, read, () => {});
}

/**
 * Finds the databases in a folder of unknown origin that are proven to be Talos' own, in every byte that ClamAV loads.
 * `onDoubt` gets the others. Of a CVD and a CLD, the newer counts.
 */
export async function provenIn(
  folder: string,
  databases: readonly string[],
  trust: Trust,
  onDoubt: (file: string, error: VerifyError) => void,
): Promise<ReadonlyMap<string, Holding>> {
  return await newest(
    folder,
    databases,
    async (path, database) => {
      const verify = path.endsWith('.cvd') ? verifyCvdFile : verifyCldFile;
      return (await verify(path, trust, { database })).header;
    },
    onDoubt,
  );
}

async function newest(
  folder: string,
  databases: readonly string[],
  read: (path: string, database: string) => Promise<CvdHeader>,
  onDoubt: (file: string, error: VerifyError) => void,
): Promise<ReadonlyMap<string, Holding>> {
  const names = await readdir(folder);
  const holdings = new Map<string, Holding>();
  for (const database of databases) {
    for (const file of [cvdName(database), cldName(database)].filter((name) => names.includes(name))) {
      try {
        const header = await read(join(folder, file), database);
        if (header.version > (holdings.get(database)?.header.version ?? -1))
          holdings.set(database, { file, header });
      } catch (error) {
        onDoubt(file, asDoubt(error));
      }
    }
  }
  return holdings;
}

/** Turns an error into a verdict on a file of unknown origin. Throws an error of this machine again. */
export function asDoubt(error: unknown): VerifyError {
  if (error instanceof VerifyError) return error;
  if (codeOf(error) !== 'file/not-regular') throw error;
  return new VerifyError('verify/format', 'it is not a file', { cause: error });
}
