import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { EXTRA_BYTES, EXTRA_MINUTES } from '../../base/limits/extras.ts';
import { WORDS_CHARACTERS } from '../../base/limits/manifest.ts';
import { ALLOWED_FILES, ALLOWED_SIGNATURES, isExtraName } from '../../cvd/extra-names.ts';
import { minisignKey } from '../../extras/minisign.ts';
import { isHttp } from '../../http/is-http.ts';
import { canBeSent } from '../fields.ts';

const MEGABYTE = 1024 ** 2;

/** Name under which an extra is published. */
export const Name = v.pipe(
  v.string(),
  v.check(isExtraName, 'is not the name of a file that ClamAV loads, such as own.ndb'),
  v.check(
    (name) => name !== ALLOWED_SIGNATURES && name !== ALLOWED_FILES,
    'is the allow list, which "clamav-mirror allow" and --allow-list make',
  ),
  v.check((name) => name !== ALLOWED_SIGNATURES && name !== ALLOWED_FILES, 'is made of the allow list'),
);

/** A URL, or a path. It may hold a password or a token, so nothing repeats it. */
export const Source = v.pipe(
  v.string(),
  v.minLength(1, 'is empty'),
  v.maxLength(WORDS_CHARACTERS, 'is too long'),
  v.check(
    (text) => isHttp(text) || !/^[a-z][a-z\d+.-]+:/i.test(text) || isFileUrl(text),
    'is no http(s) URL or path',
  ),
  v.check((text) => !isHttp(text) || !text.includes('#'), 'must not have a fragment'),
  canBeSent(),
);

const wholeNumber = ({ least, most }: { readonly least: number; readonly most: number }) =>
  v.pipe(
    v.number('takes a whole number'),
    v.safeInteger('takes a whole number'),
    v.minValue(least, `must be ${least} or more`),
    v.maxValue(most, `must be ${most} or less`),
  );

/** Largest sizes in megabytes, as the list has them. */
const SIZES = { least: 1, usual: EXTRA_BYTES.usual / MEGABYTE, most: EXTRA_BYTES.most / MEGABYTE } as const;

/** Keys of an entry of the list: what each takes, for the reader and for the published schema. */
export const FIELDS = {
  name: {
    schema: Name,
    json: { type: 'string' },
    help: 'name under which it is published: a file that ClamAV loads, such as own.ndb',
  },
  url: {
    schema: Source,
    json: { type: 'string', minLength: 1 },
    help: 'http(s) URL, or path of a file or of a folder that holds a file of that name; a relative path starts from the folder of the list. A password and a token are printed nowhere',
  },
  interval: {
    schema: v.optional(wholeNumber(EXTRA_MINUTES)),
    json: {
      type: 'integer',
      minimum: EXTRA_MINUTES.least,
      maximum: EXTRA_MINUTES.most,
      default: EXTRA_MINUTES.usual,
    },
    help: 'minutes between two requests, at least as many as its source asks for; a file is read in each cycle',
  },
  maxSize: {
    schema: v.optional(wholeNumber(SIZES)),
    json: { type: 'integer', minimum: SIZES.least, maximum: SIZES.most, default: SIZES.usual },
    help: 'largest size to accept, in megabytes',
  },
  sha256: {
    schema: v.optional(
      v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 in 64 lowercase hex digits')),
    ),
    json: { type: 'string', pattern: '^[0-9a-f]{64}$' },
    help: 'SHA-256 that it must have: for a file that never changes',
  },
  sha256Url: {
    schema: v.optional(Source),
    json: { type: 'string', minLength: 1 },
    help: 'URL or path of its SHA-256, or of a list such as SHA256SUMS that names it; while that is the same, the file is not asked for',
  },
  minisign: {
    schema: v.optional(
      v.pipe(
        v.string(),
        v.check((text) => minisignKey(text) !== undefined, 'is not a public key of minisign, such as RWQ…'),
      ),
    ),
    json: { type: 'string', minLength: 56 },
    help: 'public key of its minisign signature, in base64',
  },
  minisignUrl: {
    schema: v.optional(Source),
    json: { type: 'string', minLength: 1 },
    help: 'URL or path of that signature (default: its own with .minisig)',
  },
  gpg: {
    schema: v.optional(v.pipe(v.string(), v.minLength(1, 'is empty'))),
    json: { type: 'string', minLength: 1 },
    help: 'path of a file with the public keys of its OpenPGP signature; one good signature by one of them is needed',
  },
  gpgUrl: {
    schema: v.optional(Source),
    json: { type: 'string', minLength: 1 },
    help: 'URL or path of that signature (default: its own with .sig)',
  },
} as const;

export const Entry = v.strictObject({
  name: FIELDS.name.schema,
  url: FIELDS.url.schema,
  interval: FIELDS.interval.schema,
  maxSize: FIELDS.maxSize.schema,
  sha256: FIELDS.sha256.schema,
  sha256Url: FIELDS.sha256Url.schema,
  minisign: FIELDS.minisign.schema,
  minisignUrl: FIELDS.minisignUrl.schema,
  gpg: FIELDS.gpg.schema,
  gpgUrl: FIELDS.gpgUrl.schema,
});
export type Entry = v.InferOutput<typeof Entry>;

/** A URL as it is, a path from the folder in which it was named. */
export function located(source: string, folder: string): string {
  if (isHttp(source)) return source;
  const path = isFileUrl(source) ? fileURLToPath(source) : source;
  return isAbsolute(path) ? path : resolve(folder, path);
}

function isFileUrl(text: string): boolean {
  try {
    return text.startsWith('file://') && fileURLToPath(text) !== '';
  } catch {
    return false;
  }
}
