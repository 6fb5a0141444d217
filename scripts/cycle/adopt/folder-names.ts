import { opendir } from 'node:fs/promises';
import { ADOPT_ENTRIES } from '../../base/limits/given.ts';
import { isLoaded } from '../../cvd/database-extensions.ts';
import { type FileName, parseCldName, parseFileName } from '../../cvd/names.ts';
import { DNS_TXT, FACE, PROOF_JSON, PROOF_TXT, TIMESTAMP } from '../../mirror/pages.ts';
import { MANIFEST } from '../../store/store.ts';
import { AdoptError } from './adopt-error.ts';
import type { FileOutcome } from './adoption.ts';

/** A file of the folder that may be proven, by its name alone. */
export type Candidate =
  | {
      readonly kind: 'cvd' | 'cld';
      readonly name: string;
      readonly database: string;
      readonly version?: number | undefined;
    }
  | { readonly kind: 'cdiff'; readonly name: string; readonly database: string; readonly version: number }
  | {
      readonly kind: 'sign';
      readonly name: string;
      readonly database: string;
      readonly version: number;
      readonly signs: string;
    };

/** A file of which the name says enough. */
export interface Refused {
  readonly name: string;
  readonly outcome: FileOutcome;
  readonly reason: string;
}

/** Names in a folder. Throws `adopt/folder` and `adopt/too-many`. */
export async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(folder)) {
      if (names.push(name) > ADOPT_ENTRIES) break;
    }
  } catch (cause) {
    throw new AdoptError('adopt/folder', `cannot read the folder to adopt, ${folder}`, {
      cause,
      advice: 'Name the folder that holds the databases, and let this user read it; or leave out --adopt',
    });
  }
  if (names.length > ADOPT_ENTRIES) {
    throw new AdoptError('adopt/too-many', `${folder} holds more than ${ADOPT_ENTRIES} files`, {
      advice: 'Name the folder that holds the databases, such as /var/lib/clamav or ~/.cvdupdate/database',
    });
  }
  return names.sort();
}

/** Tells what a file of the folder is by its name. Only names of databases that are mirrored become candidates. */
export function classify(name: string, mirrored: readonly string[]): Candidate | Refused {
  const found = candidateOf(name);
  if (found === undefined) return refusedByName(name);
  if (mirrored.includes(found.database)) return found;
  return { name, outcome: 'not needed', reason: `${found.database} is not among --databases` };
}

function candidateOf(name: string): Candidate | undefined {
  const cld = parseCldName(name);
  if (cld !== undefined) return { kind: 'cld', name, ...cld };
  const file = parseFileName(name);
  return file === undefined || isOfArchive(file) ? undefined : { name, ...file };
}

function isOfArchive(file: FileName): file is Extract<FileName, { kind: 'archive' | 'archive-sign' }> {
  return file.kind === 'archive' || file.kind === 'archive-sign';
}

function refusedByName(name: string): Refused {
  if (OWN_NOTES.test(name))
    return { name, outcome: 'not needed', reason: 'notes of the program that kept this folder' };
  if (PAGES.includes(name)) return { name, outcome: 'not needed', reason: 'each mirror writes its own' };
  if (isLoaded(name))
    return { name, outcome: 'unproven', reason: 'ClamAV reads it, but Talos signed nothing of it' };
  return { name, outcome: 'foreign', reason: 'no file of ClamAV’s' };
}

/** Files that a mirror writes beside its databases; cvdupdate has a `dns.txt` too. */
const PAGES: readonly string[] = [MANIFEST, DNS_TXT, PROOF_JSON, PROOF_TXT, TIMESTAMP, ...FACE];

/** Files that freshclam and cvdupdate keep for themselves. */
const OWN_NOTES =
  /^(?:freshclam\.dat|mirrors\.dat|\.(?:dbLock|cvdupdate.*)|tmp\.[A-Za-z0-9]{1,40}|clamav-[0-9a-f]{32}(?:\.tmp)?)$/;
