import { basename } from 'node:path';
import { explain } from '../../base/errors.ts';
import { SIGN_BYTES } from '../../base/limits/databases.ts';
import { printJson, streamLog } from '../../base/log.ts';
import { ChangeCounter, type FileChanges } from '../../cvd/cdiff/changes.ts';
import { CdiffReader } from '../../cvd/cdiff/reader.ts';
import { ScriptParser } from '../../cvd/cdiff/script.ts';
import { parseClamSign } from '../../cvd/clamsign.ts';
import { CvdReader } from '../../cvd/container/reader.ts';
import type { TarEntry } from '../../cvd/container/tar.ts';
import { isLeftover } from '../../cvd/database-extensions.ts';
import { CvdError } from '../../cvd/error.ts';
import { UNSEALED } from '../../cvd/header.ts';
import { parseFileName } from '../../cvd/names.ts';
import { feed } from '../../files/feed.ts';
import { chunksOf, readStart } from '../../files/open.ts';
import { checkFile } from '../../mirror/check/check-file.ts';
import { parseCertificate } from '../../verify/cms/certificate.ts';
import { chainEnd } from '../../verify/cms/chain.ts';
import { parseSignedData } from '../../verify/cms/signed-data.ts';
import { TALOS } from '../../verify/trust.ts';

/** The user has named the file, be it by a link. */
const NAMED = { follow: true };

/** A file inside a database file; `leftover` is set for one that ClamAV does not load. */
interface FileInside extends TarEntry {
  readonly leftover?: true;
}

/** Facts that were read; the lists are shown below the others. */
interface Facts extends Record<string, unknown> {
  files?: FileInside[];
  changes?: readonly FileChanges[];
}

/** `clamav-mirror inspect`: shows what files hold, and whether they are genuine. */
export async function inspect(paths: readonly string[], json: boolean): Promise<'good' | 'failed'> {
  const log = streamLog(process.stdout);
  let readable = true;
  for (const path of paths) {
    const { verdict, reason } = await checkFile(path, TALOS, NAMED);
    const facts: Facts = {
      path,
      verdict,
      ...(reason === undefined ? {} : { reason }),
      ...(await read(path)),
    };
    if (facts.error !== undefined) readable = false;
    if (json) printJson(process.stdout, facts, 0);
    else for (const line of lines(facts)) log.info(line);
  }
  return readable ? 'good' : 'failed';
}

/** Reads as much as possible, and notes where reading failed. */
async function read(path: string): Promise<Facts> {
  const facts: Facts = {};
  try {
    const start = await readStart(path, 12, NAMED);
    if (parseFileName(basename(path))?.kind === 'sign') await readSign(path, facts);
    else if (start.toString('latin1') === 'ClamAV-Diff:') await readCdiff(path, facts);
    else await readDatabase(path, facts);
  } catch (error) {
    facts.error = explain(error);
    if (!(error instanceof CvdError)) return { error: facts.error };
  }
  return facts;
}

async function readDatabase(path: string, facts: Facts): Promise<void> {
  const files: FileInside[] = [];
  const reader = new CvdReader({
    header: (header) =>
      Object.assign(
        facts,
        header,
        header.md5 === UNSEALED ? { kind: 'a CLD: nothing signs it as a whole' } : {},
      ),
    entry: (entry) => files.push(isLeftover(entry.name) ? { ...entry, leftover: true } : entry),
    data() {},
  });
  facts.files = files;
  await feed(chunksOf(path, NAMED), (piece) => reader.write(piece));
  const { md5, ...totals } = reader.end();
  Object.assign(facts, totals, { bodyMd5: md5 });
}

async function readCdiff(path: string, facts: Facts): Promise<void> {
  const changes = new ChangeCounter();
  const script = new ScriptParser((command) => changes.add(command));
  const reader = new CdiffReader({
    header: ({ version, size }) => Object.assign(facts, { version, scriptSize: size }),
    script: (chunk) => script.write(chunk),
  });
  await feed(chunksOf(path, NAMED), (piece) => reader.write(piece));
  const { size, sha256, dsig } = reader.end();
  script.end();
  Object.assign(facts, { size, sha256, dsig, changes: changes.files });
}

async function readSign(path: string, facts: Facts): Promise<void> {
  const lines = parseClamSign(await readStart(path, SIGN_BYTES + 1, NAMED));
  const roots = TALOS.roots.map(({ certificate }) => parseCertificate(certificate));
  facts.signatures = lines.map(({ minFLevel, maxFLevel, signature }) => {
    const { signer, certificates, digest, signingTime } = parseSignedData(signature);
    const { notAfter, root } = chainEnd(certificates, roots);
    return {
      minFLevel,
      maxFLevel,
      signer: signer.commonName,
      root: root?.commonName ?? 'unknown',
      notAfter,
      digest,
      signingTime,
    };
  });
}

function lines({ path, files, changes, ...rest }: Facts): string[] {
  const width = Math.max(...Object.keys(rest).map((key) => key.length));
  return [
    String(path),
    ...Object.entries(rest).map(([key, value]) => `  ${key.padEnd(width)}  ${textOf(value)}`),
    ...(files ?? []).map(
      ({ name, size, leftover }) =>
        `  ${String(size).padStart(12)}  ${name}${leftover === true ? '  (left over: ClamAV does not load it)' : ''}`,
    ),
    ...(changes ?? []).map((change) => `  ${change.file}: ${changesOf(change)}`),
  ];
}

function changesOf({ file, unlinked, ...counts }: FileChanges): string {
  const said = Object.entries(counts).flatMap(([what, count]) =>
    count > 0 ? [`${count} ${WORDS[what]}`] : [],
  );
  return [...said, ...(unlinked ? ['unlinked'] : [])].join(', ') || 'opened for nothing';
}

const WORDS: Record<string, string> = {
  added: 'lines added',
  deleted: 'deleted',
  exchanged: 'exchanged',
  movedOut: 'moved out',
  movedIn: 'moved in',
};

function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
