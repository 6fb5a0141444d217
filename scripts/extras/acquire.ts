import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { codeOf, explain } from '../base/errors.ts';
import { replaceFile } from '../files/atomic.ts';
import { isHttp } from '../http/is-http.ts';
import { ExtraError, isAboutBytes } from './error.ts';
import type { AcquiredExtra, ExtraSource, ExtrasContext } from './extra.ts';
import { readSource } from './file-source.ts';
import { fetchSource } from './http-source.ts';
import { wordsOfSource } from './source-words.ts';

/** Folder of new files in the work folder. */
export const EXTRAS_FOLDER = 'extras';

/**
 * Brings what the sources of extras have, one after the other. Never throws for a source: it failed or was refused then. What
 * is new was checked as far as that goes without an engine.
 */
export async function acquireExtras(
  wanted: readonly ExtraSource[],
  context: ExtrasContext,
): Promise<AcquiredExtra[]> {
  const acquired: AcquiredExtra[] = [];
  for (const source of wanted) acquired.push(await acquire(source, context));
  return acquired;
}

async function acquire(source: ExtraSource, context: ExtrasContext): Promise<AcquiredExtra> {
  const { name, from, maxSize } = source;
  const about = { name, source: wordsOfSource(from) };
  try {
    const fetched = isHttp(from)
      ? await fetchSource(from, maxSize, context)
      : { bytes: await readSource(from, name, maxSize) };
    if (fetched === 'unchanged') return { ...about, outcome: 'kept' };
    const { bytes } = fetched;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const published = Object.hasOwn(context.published, name) ? context.published[name] : undefined;
    if (published?.sha256 === sha256) return { ...about, outcome: 'kept' };
    const path = join(context.work, EXTRAS_FOLDER, name);
    await replaceFile(path, bytes);
    return { ...about, outcome: 'new', path, size: bytes.length, sha256 };
  } catch (error) {
    if (!(error instanceof ExtraError)) throw error;
    const code = codeOf(error) ?? '';
    const outcome = isAboutBytes(code) ? 'refused' : 'failed';
    return { ...about, outcome, code, reason: explain(error) };
  }
}
