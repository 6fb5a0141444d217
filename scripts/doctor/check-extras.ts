import { explain } from '../base/errors.ts';
import { counted, moment } from '../base/words.ts';
import type { ExtraSource } from '../extras/extra.ts';
import { readSource } from '../extras/file-source.ts';
import { keysIn } from '../extras/gpg.ts';
import { ExtrasMemory } from '../extras/memory.ts';
import { wordsOfSource } from '../extras/source-words.ts';
import { isHttp } from '../http/is-http.ts';
import type { DoctorContext } from './context.ts';
import { bad, badBy, good, type Seen } from './finding.ts';

/**
 * The sources of extras give what is wanted of them: files and keys can be read now, and of an address the last cycle says. None
 * is asked here, for feeds block who asks too often; whether its host can be reached by TLS is told with the certificates.
 */
export async function checkExtras({ settings: { sync }, now }: DoctorContext): Promise<Seen> {
  const { extras = [], work } = sync;
  const memory = await ExtrasMemory.load(work, extras, now());
  const wrong: { readonly name: string; readonly seen: Seen }[] = [];
  for (const source of extras) {
    const seen = await faultOf(source, memory);
    if (seen !== undefined) wrong.push({ name: source.name, seen });
  }
  const [first, ...others] = wrong;
  if (first !== undefined && 'advice' in first.seen) {
    const more = others.length === 0 ? '' : `; and so ${counted(others.length, 'other')}`;
    return bad(`${first.name}: ${first.seen.found}${more}`, first.seen.advice ?? '');
  }
  const asked = extras.filter(({ name }) => memory.of(name)?.asked !== undefined).length;
  return good(
    `${counted(extras.length, 'extra')}, of which cycles have asked for ${asked === 0 ? 'none yet' : asked}`,
  );
}

async function faultOf(source: ExtraSource, memory: ExtrasMemory): Promise<Seen | undefined> {
  const { name, from, maxSize, gpg } = source;
  try {
    if (gpg !== undefined) await keysIn(gpg.keys);
    if (!isHttp(from)) await readSource(from, name, maxSize);
  } catch (error) {
    return badBy(error, `Correct its entry, or put the file there: ${explain(error)}`);
  }
  const failure = isHttp(from) ? memory.of(name)?.failure : undefined;
  if (failure === undefined) return undefined;
  const { code, reason, since, until } = failure;
  return bad(
    `${wordsOfSource(from)} has been failing since ${moment(since)} (${code}): ${reason}`,
    `It is asked again after ${moment(until)}; clamav-mirror sync --retry asks now`,
  );
}
