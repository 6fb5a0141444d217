import { NAME_CHARACTERS } from '../base/limits/databases.ts';

/**
 * Gives the name of the signature in a line of a database's file, in printable ASCII and of a bounded length. A line of
 * a kind without names is told by itself. `undefined` for what names nothing: an empty line, a comment, the inside of a
 * YARA rule. The file itself is the signature for some kinds, such as bytecode.
 */
export function signatureName(file: string, line: Uint8Array): string | undefined {
  const kind = kindOf(file);
  if (kind === 'file') return printableName(Buffer.from(file, 'latin1'));
  if (line[0] === COMMENT) return undefined;
  if (kind === 'rule') return ruleName(line);
  const [start, end] = (kind !== 'line' && fieldOf(line, kind)) || [0, line.length];
  return printableName(line.subarray(start, end)) || printableName(line) || undefined;
}

/**
 * Gives the same of the beginning of a line, as a CDIFF quotes it: `undefined` unless it holds the whole name, up to the
 * separator behind it.
 */
export function nameInPrefix(file: string, prefix: Uint8Array): string | undefined {
  const kind = kindOf(file);
  if (kind === 'file') return signatureName(file, prefix);
  if (kind === 'line' || kind === 'rule' || kind.field === 'ignored' || prefix[0] === COMMENT)
    return undefined;
  const [start, end] = fieldOf(prefix, kind) ?? [0, prefix.length];
  return end === prefix.length ? undefined : printableName(prefix.subarray(start, end)) || undefined;
}

/** True for a file that is one signature as a whole, whatever its lines are. */
export function isOneSignature(file: string): boolean {
  return kindOf(file) === 'file';
}

/** Name as it is published: printable ASCII, anything else as `\xNN`, cut where it is too long. */
export function printableName(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, NAME_CHARACTERS + 1))
    .toString('latin1')
    .trim()
    .replace(/[^ -~]|\\(?=x)/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return text.length > NAME_CHARACTERS ? `${text.slice(0, NAME_CHARACTERS - 3)}...` : text;
}

/** Place of a name in a line: a field by number between separators, the first one being 0. */
interface Field {
  readonly separator: number;
  /** `ignored`: of three fields and more the third, else the first. */
  readonly field: number | 'ignored';
}

const COMMENT = 0x23;
const [COLON, SEMICOLON, EQUALS] = [0x3a, 0x3b, 0x3d];

const HASH: Field = { separator: COLON, field: 2 };
const FIRST: Field = { separator: COLON, field: 0 };
const LOGICAL: Field = { separator: SEMICOLON, field: 0 };
const IGNORED: Field = { separator: COLON, field: 'ignored' };

/**
 * Kinds by extension. Source: libclamav/readdb.c, cli_loadhash(), cli_loadndb(), cli_loadldb(), cli_loaddb(),
 * cli_loadcdb(), cli_loadidb(), cli_loadcrt(), cli_loadmd(), cli_loadign(), cli_loadftm(), cli_loadpwdb(),
 * load_oneyara(). What is not here is told by its line.
 */
const KINDS: Readonly<Record<string, Field | 'file' | 'rule'>> = {
  ...{ hdb: HASH, hdu: HASH, hsb: HASH, hsu: HASH, mdb: HASH, mdu: HASH, msb: HASH, msu: HASH },
  ...{ fp: HASH, sfp: HASH, imp: HASH },
  ...{ ndb: FIRST, ndu: FIRST, sdb: FIRST, cdb: FIRST, idb: FIRST, zmd: FIRST, rmd: FIRST },
  ...{ ldb: LOGICAL, ldu: LOGICAL, crb: LOGICAL, pwdb: LOGICAL },
  ...{ ign: IGNORED, ign2: IGNORED },
  ...{ db: { separator: EQUALS, field: 0 }, ftm: { separator: COLON, field: 3 } },
  ...{ yar: 'rule', yara: 'rule' },
  ...{ cbc: 'file', cat: 'file', ioc: 'file', cvd: 'file', cld: 'file', cud: 'file' },
};

function kindOf(file: string): Field | 'file' | 'rule' | 'line' {
  const extension = file.slice(file.lastIndexOf('.') + 1).toLowerCase();
  return Object.hasOwn(KINDS, extension) ? (KINDS[extension] ?? 'line') : 'line';
}

/** Start and end of a field; `undefined` if the line has too few. */
function fieldOf(line: Uint8Array, { separator, field }: Field): [number, number] | undefined {
  if (field === 'ignored')
    return fieldOf(line, { separator, field: 2 }) ?? fieldOf(line, { separator, field: 0 });
  let start = 0;
  for (let left = field; left > 0; left--) {
    const at = line.indexOf(separator, start);
    if (at === -1) return undefined;
    start = at + 1;
  }
  const end = line.indexOf(separator, start);
  return [start, end === -1 ? line.length : end];
}

/** Name of the YARA rule that begins in this line. */
function ruleName(line: Uint8Array): string | undefined {
  const start = Buffer.from(line.buffer, line.byteOffset, Math.min(line.length, RULE_SIZE)).toString(
    'latin1',
  );
  const name = /^\s*(?:(?:private|global)\s+)*rule\s+([A-Za-z_]\w*)/.exec(start)?.[1];
  return name === undefined ? undefined : printableName(Buffer.from(name));
}

/** Bytes of a line in which the name of a rule has to be: YARA allows 128 characters. */
const RULE_SIZE = 512;
