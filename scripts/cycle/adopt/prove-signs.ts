import { join } from 'node:path';
import { SIGN_BYTES } from '../../base/limits/databases.ts';
import { cvdName } from '../../cvd/names.ts';
import { readStart } from '../../files/open.ts';
import { proveSign, type SignedFile } from '../../files/sign.ts';
import { VerifyError } from '../../verify/error.ts';
import { isDoubt } from '../../verify/sign.ts';
import type { Adoption } from './adoption.ts';
import type { FolderContext } from './folder-context.ts';
import type { Candidate } from './folder-names.ts';
import type { ProvenCdiff } from './prove-cdiffs.ts';
import { NOT_REACHED, noteUnproven, whyNot } from './why.ts';

/** Proves the `.sign` files of one database whose CVD or CDIFF is proven. Of the others upstream is asked. */
export async function proveSigns(
  candidates: readonly Candidate[],
  cdiffs: ReadonlyMap<string, ProvenCdiff>,
  adoption: Adoption,
  { folder, trust }: FolderContext,
): Promise<void> {
  for (const file of candidates) {
    if (file.kind !== 'sign') continue;
    const signed = signedBy(file, cdiffs, adoption);
    if (signed === undefined) {
      adoption.note(file.name, 'not needed', 'the file that it signs is not used');
      continue;
    }
    try {
      const bytes = await readStart(join(folder, file.name), SIGN_BYTES + 1);
      await proveSign(bytes, signed, trust);
      adoption.addSign(file.name, bytes);
      adoption.note(file.name, 'not used', NOT_REACHED);
    } catch (error) {
      noteUnproven(adoption, file.name, error);
      if (!(error instanceof VerifyError) || isDoubt(error)) continue;
      adoption.drop(signed.name); // a known signer made the one, and not for the other
      adoption.note(signed.name, 'unproven', `${file.name} does not fit it: ${whyNot(error)}`);
    }
  }
}

function signedBy(
  { database, version, signs }: Extract<Candidate, { readonly kind: 'sign' }>,
  cdiffs: ReadonlyMap<string, ProvenCdiff>,
  adoption: Adoption,
): (SignedFile & { readonly name: string }) | undefined {
  const cdiff = cdiffs.get(signs);
  if (cdiff !== undefined) return { name: signs, sha256: cdiff.sha256, path: async () => cdiff.path };
  const cvd = adoption.cvdOf(database);
  if (signs !== cvdName(database) || cvd?.verified.header.version !== version) return undefined;
  return { name: cvd.name, sha256: cvd.verified.sha256, path: async () => cvd.path };
}
