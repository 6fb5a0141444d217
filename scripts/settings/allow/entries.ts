import * as v from 'valibot';
import { isPlausibleTime } from '../../base/limits/manifest.ts';
import { withoutUnofficial } from '../../cvd/extra-names.ts';
import { Allowable } from '../../mirror/extras.ts';

/** A signature by its name, as ClamAV prints it or as databases have it, or a file by its SHA-256. */
export const What = v.pipe(
  v.string(),
  v.trim(),
  v.transform((text) => (/^[0-9a-f]{64}$/i.test(text) ? text.toLowerCase() : withoutUnofficial(text))),
  v.check(
    (text) => !/^(?:[0-9a-f]{32}|[0-9a-f]{40})$/i.test(text),
    'is a hash of another kind: a file is named by its SHA-256',
  ),
  v.check(
    (text) => !/^Heuristics\./.test(text),
    'is no signature: heuristics are options of each clamd.conf',
  ),
  Allowable,
);

/** A day, to whose end in UTC an entry holds, or a moment. */
export const Until = v.pipe(
  v.string(),
  v.transform((text) => (/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T23:59:59.999Z` : text)),
  v.isoTimestamp('takes a day such as 2026-12-31'),
  v.check(isPlausibleTime, 'is no plausible time'),
  v.transform((text) => new Date(text).toISOString()),
);

/** The same, or a number of days from now. */
export const UntilOrDays = v.pipe(
  v.string(),
  v.union(
    [
      v.pipe(
        v.string(),
        v.regex(/^[1-9]\d{0,3}d$/),
        v.transform((text) => Number.parseInt(text, 10)),
      ),
      Until,
    ],
    'takes a day such as 2026-12-31, or a number of days such as 30d',
  ),
);
