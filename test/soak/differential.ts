import fc from 'fast-check';
import { Patch } from '../../scripts/cvd/cdiff/patch.ts';
import { type CdiffHeader, CdiffReader } from '../../scripts/cvd/cdiff/reader.ts';
import { type CvdHandler, CvdReader } from '../../scripts/cvd/container/reader.ts';
import { verifyPssSignature } from '../../scripts/cvd/dsig.ts';
import { CvdError } from '../../scripts/cvd/error.ts';
import type { CvdHeader } from '../../scripts/cvd/header.ts';
import { CldVerifier } from '../../scripts/verify/cld.ts';
import { CvdVerifier } from '../../scripts/verify/cvd.ts';
import { VerifyError } from '../../scripts/verify/error.ts';
import { type ClamavView, MARKED_FILES } from '../support/clamav/clamav-view.ts';
import { anyCdiffMutation, type CdiffMutation, mutatedCdiff } from '../support/databases/cdiff-mutations.ts';
import { anyMutations, type Mutations, mutate } from '../support/databases/container-mutations.ts';
import { assemble, type Shape, shapeOf } from '../support/databases/container-shape.ts';
import { anyFiles, anySteps, encodeScript, scriptFor } from '../support/databases/generate.ts';
import type { Files } from '../support/databases/naive.ts';
import { testTrust } from '../support/databases/signing.ts';

/** One comparison with real ClamAV. */
export interface Compared {
  /** `proven`: our verdict is good; `read`: our reader sees something in it; `refused`: neither. */
  readonly ours: 'proven' | 'read' | 'refused';
  /** Where ours sees something else than ClamAV. */
  readonly difference: string | undefined;
}

/** Any comparison: `what` repeats it for whoever reads of a difference. */
export interface Comparison {
  readonly what: string;
  compare(view: ClamavView): Promise<Compared>;
}

export const anyComparison: fc.Arbitrary<Comparison> = fc.oneof(
  fc.tuple(fc.constantFrom<Shape['kind']>('cvd', 'cld'), anyMutations).map(([kind, mutations]) => ({
    what: `${kind} ${JSON.stringify(mutations)}`,
    compare: (view: ClamavView) => compareContainer(view, kind, mutations),
  })),
  fc.tuple(anyFiles, anySteps, anyCdiffMutation).map(([files, steps, mutation]) => {
    const script = encodeScript(scriptFor(files, steps).commands);
    return {
      what: `cdiff ${mutatedCdiff(2, script, mutation).toString('base64')} of ${JSON.stringify([...files])}`,
      compare: (view: ClamavView) => compareCdiff(view, files, script, mutation),
    };
  }),
);

const REFUSED: Compared = { ours: 'refused', difference: undefined };

/** A container with some mutations, signed afterwards by keys that ClamAV trusts: what both see is the same, or ours refuses. */
async function compareContainer(
  view: ClamavView,
  kind: Shape['kind'],
  mutations: Mutations,
): Promise<Compared> {
  const shape = shapeOf(kind, MARKED_FILES);
  mutate(shape, mutations);
  const bytes = assemble(shape);
  const read = unlessRefused(() => readAll(bytes));
  if (read === undefined || isUnloved(read.header)) return REFUSED;
  const isProven = unlessRefused(() => prove(kind, bytes)) !== undefined;
  const difference = await differenceOf(view, `test.${kind}`, bytes, { ...read, isProven });
  return { ours: isProven ? 'proven' : 'read', difference };
}

/** A CDIFF that may be damaged, and signed afterwards: what it makes of some files is the same, or ours refuses. */
async function compareCdiff(
  view: ClamavView,
  files: Files,
  script: Buffer,
  mutation: CdiffMutation,
): Promise<Compared> {
  const cdiff = mutatedCdiff(2, script, mutation);
  const ours = unlessRefused(() => patched(files, cdiff));
  if (ours === undefined) return REFUSED;
  const theirs = await view.patched(files, 'test-2.cdiff', cdiff);
  // An edit that does not fit goes unnoticed here if its file is gone in the end.
  if (theirs === undefined) {
    return {
      ours: 'proven',
      difference: script.includes('UNLINK') ? undefined : 'sigtool refuses what we take',
    };
  }
  const other = firstDifference(ours, theirs);
  return {
    ours: 'proven',
    difference: other === undefined ? undefined : `sigtool makes another ${JSON.stringify(other)}`,
  };
}

function patched(files: Files, cdiff: Uint8Array): Files {
  const patch = new Patch(files.keys(), (name) => [files.get(name) ?? Buffer.alloc(0)]);
  const script = patch.script(2);
  const reader = new CdiffReader({ header: requireVersion, script: (chunk) => script.write(chunk) });
  reader.write(cdiff);
  const { signedDigest, dsig } = reader.end();
  script.end();
  verifyPssSignature(signedDigest, dsig, testTrust().keys.cdiff);
  return new Map([...patch.names].map((name) => [name, Buffer.concat([...patch.read(name)])]));
}

function requireVersion({ version }: CdiffHeader): void {
  if (version !== 2) throw new CvdError('cvd/cdiff', `it leads to version ${version}`);
}

/** ClamAV 1.1 to 1.4 take no MD5 that begins with a zero byte (clamav-formats.md §1). */
function isUnloved({ md5 }: CvdHeader): boolean {
  return md5.startsWith('00');
}

interface Read {
  readonly header: CvdHeader;
  readonly files: Files;
  readonly isProven: boolean;
}

async function differenceOf(
  view: ClamavView,
  name: string,
  bytes: Uint8Array,
  { header, files, isProven }: Read,
): Promise<string | undefined> {
  const unpacked = await view.unpack(name, bytes);
  if (unpacked === undefined) return isProven ? 'sigtool does not unpack what we have proven' : undefined;
  const other = firstDifference(files, unpacked);
  if (other !== undefined) return `sigtool unpacks another ${JSON.stringify(other)}`;
  const told = await view.info(name, bytes);
  const ours = {
    'Build time': header.time.replace('-', ':'),
    Version: String(header.version),
    Signatures: String(header.signatures),
    'Functionality level': String(header.fLevel),
    Builder: header.builder,
  };
  if (told === undefined) return isProven ? 'sigtool --info refuses what we have proven' : undefined;
  for (const key of Object.keys(ours) as (keyof typeof ours)[]) {
    if (told[key] !== ours[key]) return `sigtool says ${key} ${told[key]}, we say ${ours[key]}`;
  }
  if (!isProven) return undefined;
  const loaded = await view.loaded(name, bytes);
  if (loaded === undefined) return 'clamscan does not load what we have proven';
  const missing = [...MARKED_FILES.keys()].find((file) => files.has(file) && !loaded.has(file));
  return missing === undefined ? undefined : `clamscan loads no ${missing} of what we have proven`;
}

/** The name of a file that is not the same in both. */
function firstDifference(ours: Files, theirs: Files): string | undefined {
  return [...ours.keys(), ...theirs.keys()].find((name) => {
    const [a, b] = [ours.get(name), theirs.get(name)];
    return a === undefined || b === undefined || !a.equals(b);
  });
}

function readAll(bytes: Uint8Array): { header: CvdHeader; files: Files } {
  let header: CvdHeader | undefined;
  const chunks = new Map<string, Buffer[]>();
  let current: Buffer[] = [];
  const handler: CvdHandler = {
    header: (found) => {
      header = found;
    },
    entry: ({ name }) => {
      current = [];
      chunks.set(name, current);
    },
    data: (chunk) => current.push(Buffer.from(chunk)),
  };
  const reader = new CvdReader(handler);
  reader.write(bytes);
  reader.end();
  if (header === undefined) throw new Error('no header');
  return { header, files: new Map([...chunks].map(([name, parts]) => [name, Buffer.concat(parts)])) };
}

function prove(kind: Shape['kind'], bytes: Uint8Array): true {
  const trust = testTrust();
  const verifier =
    kind === 'cld'
      ? new CldVerifier(trust, { database: 'test' })
      : new CvdVerifier(trust, { database: 'test' });
  verifier.write(bytes);
  verifier.end();
  return true;
}

/** Errors that are no refusal come through. */
function unlessRefused<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof CvdError || error instanceof VerifyError) return undefined;
    throw error;
  }
}
