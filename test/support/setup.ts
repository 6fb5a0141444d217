import type { TestProject } from 'vitest/node';
import { type ClamavPrograms, ensureClamav } from '../../scripts/demo/clamav.ts';
import { confirm } from '../../scripts/demo/confirm.ts';
import { DEFAULT_CACHE, ensureOfficial } from '../../scripts/demo/official.ts';
import { explain } from '../../scripts/errors.ts';
import { isUnattended, searchPath } from '../../scripts/settings.ts';

/** Something real that tests need, or why it is not there. */
export type RealPart<T> = { readonly have: T } | { readonly missing: string };

declare module 'vitest' {
  interface ProvidedContext {
    clamav: RealPart<ClamavPrograms>;
    /** A folder. */
    official: RealPart<string>;
  }
}

/** Before the first test: ClamAV and Talos' databases are there, or it is known why not. */
export default async function setUp(project: TestProject): Promise<void> {
  const path = searchPath();
  const log = (line: string) => console.log(line);
  const ask = async (question: string) => isUnattended() || (await confirm(question));
  project.provide('clamav', await part(ensureClamav({ path, log, ask })));
  project.provide('official', await part(ensureOfficial(DEFAULT_CACHE, { path, log })));
}

async function part<T>(wanted: Promise<T>): Promise<RealPart<T>> {
  return await wanted.then(
    (have) => ({ have }),
    (error) => ({ missing: explain(error) }),
  );
}
