import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ADOPT_VERSIONS } from '../../base/limits/given.ts';
import { type CvdHeader, HEADER_SIZE, parseHeader, UNSEALED } from '../../cvd/header.ts';
import { copyRegular, readStart } from '../../files/open.ts';
import { asVerdict, verifyCldFile, verifyCvdFile } from '../../files/verify.ts';
import { verifyHeader } from '../../verify/cvd.ts';
import { VerifyError } from '../../verify/error.ts';
import type { AdoptedDatabase, Adoption } from './adoption.ts';
import type { FolderContext } from './folder-context.ts';
import type { Candidate } from './folder-names.ts';
import { NOT_REACHED, noteUnproven } from './why.ts';

type DatabaseFile = Extract<Candidate, { readonly kind: 'cvd' | 'cld' }>;
type Headed = DatabaseFile & { readonly header: CvdHeader };

/**
 * Proves the newest CVD of one database, and the newest CLD if that is newer still: a later version can be rebuilt from it.
 * Headers are read first, so only what may be used is copied.
 */
export async function proveDatabases(
  candidates: readonly Candidate[],
  adoption: Adoption,
  context: FolderContext,
): Promise<void> {
  const files = candidates.filter((one): one is DatabaseFile => one.kind === 'cvd' || one.kind === 'cld');
  files.sort((a, b) => Number(a.version !== undefined) - Number(b.version !== undefined)); // of an archive come last
  const headed: Headed[] = [];
  for (const file of files.slice(0, ADOPT_VERSIONS)) {
    try {
      headed.push({ ...file, header: await headerOf(file, context) });
    } catch (error) {
      noteUnproven(adoption, file.name, error);
    }
  }
  for (const { name } of files.slice(ADOPT_VERSIONS))
    adoption.note(name, 'not needed', `only ${ADOPT_VERSIONS} versions of a database are looked at`);
  const newestFirst = headed.sort((a, b) => b.header.version - a.header.version);
  const cvd = await proveNewest(
    newestFirst.filter(({ kind }) => kind === 'cvd'),
    0,
    adoption,
    context,
  );
  const clds = newestFirst.filter(({ kind }) => kind === 'cld');
  await proveNewest(clds, cvd?.verified.header.version ?? 0, adoption, context);
}

/** Proves one after the other until one is genuine. Those that are not newer than `than` are not needed. */
async function proveNewest(
  files: readonly Headed[],
  than: number,
  adoption: Adoption,
  context: FolderContext,
): Promise<AdoptedDatabase | undefined> {
  let found: AdoptedDatabase | undefined;
  for (const file of files) {
    const { name, database, header } = file;
    const known = found?.verified.header.version ?? than;
    if (found !== undefined || header.version <= known) {
      adoption.note(name, 'not needed', `it is version ${header.version}, and version ${known} is here too`);
      continue;
    }
    try {
      found = await prove(file, context);
      adoption.addDatabase(database, found);
      adoption.note(name, 'not used', NOT_REACHED);
    } catch (error) {
      noteUnproven(adoption, name, error);
    }
  }
  return found;
}

async function headerOf({ name, kind }: DatabaseFile, { folder, trust }: FolderContext): Promise<CvdHeader> {
  const start = await readStart(join(folder, name), HEADER_SIZE);
  return asVerdict(() => {
    const header = parseHeader(start);
    if (kind === 'cvd') return verifyHeader(header, trust);
    if (header.md5 === UNSEALED) return header;
    throw new VerifyError('verify/format', 'this is not a CLD: its header is sealed');
  });
}

async function prove(
  { kind, name, database, version }: DatabaseFile,
  { folder, copies, trust, maxSize }: FolderContext,
): Promise<AdoptedDatabase> {
  const path = join(copies, name);
  const expected = { database, version };
  try {
    await copyRegular(join(folder, name), path, { limit: maxSize });
    if (kind === 'cvd') return { kind, name, path, verified: await verifyCvdFile(path, trust, expected) };
    return { kind, name, path, verified: await verifyCldFile(path, trust, expected) };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}
