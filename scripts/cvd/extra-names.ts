import { isLoaded } from './database-extensions.ts';

/** The allow list as ClamAV reads it: names of signatures that are off, and files by SHA-256 in which nothing is found. */
export const ALLOWED_SIGNATURES = 'local.ign2';
export const ALLOWED_FILES = 'local.sfp';

/** A plain name with an extension. `local_` is the owner's, whose files nobody takes for databases. */
const FORM = /^(?!local_)[A-Za-z0-9][A-Za-z0-9._-]{0,60}\.[a-z][a-z0-9]{1,4}$/;

/**
 * Extensions that ClamAV loads and no extra may have: containers, which only Talos signs, bytecode, which ClamAV runs if it is
 * signed alone, and configurations, which switch whole parts of the engine off.
 */
const NEVER = /\.(?:cvd|cld|cud|cbc|cfg)$/;

/** True for the name of an extra: a file that ClamAV loads and Talos did not make. */
export function isExtraName(name: string): boolean {
  return FORM.test(name) && isLoaded(name) && !NEVER.test(name) && !isOfDatabase(name);
}

/** True for the name of a file that makes ClamAV find less: names of signatures that are off, or hashes of safe files. */
export function isException(name: string): boolean {
  return /\.(?:ign2?|s?fp)$/.test(name);
}

/** Name of a signature as databases have it. ClamAV prints this word behind those that Talos did not sign. */
export function withoutUnofficial(name: string): string {
  return name.replace(/\.UNOFFICIAL$/, '');
}

/** True for `daily.ndb`: ClamAV treats some files in a special way by the names of its own. */
function isOfDatabase(name: string): boolean {
  return /^(?:main|daily|bytecode|test|safebrowsing)\./.test(name);
}
