import { type Finding, quoted } from '../finding.ts';
import { guarded, type Site } from '../target.ts';

/** Longest time in seconds for files that change, and shortest time for files that do not. */
const SHORT_S = 3600;
const LONG_S = 86_400;

const SHORT_ADVICE = 'Send Cache-Control: public, max-age=60, must-revalidate';
const LONG_ADVICE =
  'Send Cache-Control: public, max-age=31536000, immutable: a version in the name means it never changes';

/** Checks for how long caches may keep a file: a CVD and a `.sign` briefly, a CDIFF for ever. */
export async function checkCaching(
  { client }: Site,
  subject: string,
  {
    cvd,
    cdiff,
    signs,
    missing,
  }: {
    readonly cvd: string;
    readonly cdiff: string | undefined;
    /** Names of the `.sign` files that are served. */
    readonly signs: readonly string[];
    readonly missing: string;
  },
): Promise<Finding[]> {
  return await guarded(subject, 'caching', async (findings) => {
    const control = async (name: string) => {
      const { header } = await client.ask(name, { headers: { range: 'bytes=0-63' }, keep: 0 });
      return header('cache-control');
    };
    const forCvd = await control(cvd);
    const age = ageOf(forCvd);
    if (age === undefined) {
      findings.warning(`${cvd} is sent with Cache-Control ${quoted(forCvd)}: caches guess`, SHORT_ADVICE);
    } else if (age > SHORT_S)
      findings.warning(`caches keep ${cvd} for ${age} s: clients get updates late`, SHORT_ADVICE);
    for (const sign of signs) {
      const kept = ageOf(await control(sign));
      if (kept === undefined || kept <= SHORT_S) continue;
      findings.warning(
        `caches keep ${sign} for ${kept} s: one that is made anew, or taken away, reaches clients late`,
        SHORT_ADVICE,
      );
    }
    const forMissing = ageOf(await control(missing)) ?? 0;
    if (forMissing > SHORT_S) {
      findings.warning(
        `caches keep the 404 of a missing file for ${forMissing} s: the next CDIFF stays missing`,
        'Send no Cache-Control with 404',
      );
    }
    const forCdiff = cdiff === undefined ? undefined : await control(cdiff);
    if (cdiff !== undefined && (ageOf(forCdiff) ?? 0) < LONG_S) {
      findings.warning(`${cdiff} is sent with Cache-Control ${quoted(forCdiff)}`, LONG_ADVICE);
    }
    if (findings.list.length === 0)
      findings.good(cdiff === undefined ? 'CVD short' : 'CVD short, CDIFF long');
  });
}

/** Seconds for which a cache may use an answer without asking; `undefined`: the cache decides. */
function ageOf(control: string | undefined): number | undefined {
  if (control === undefined) return undefined;
  if (/\b(no-store|no-cache)\b/i.test(control)) return 0;
  const age = /\bs-maxage=(\d{1,12})/i.exec(control) ?? /\bmax-age=(\d{1,12})/i.exec(control);
  return age === null ? undefined : Number(age[1]);
}
