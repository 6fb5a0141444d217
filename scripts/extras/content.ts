import { ExtraError } from './error.ts';

/** Characters from the beginning in which a page shows itself. */
const BEGINNING = 1000;

/**
 * Requires bytes that could be a file of this name. ClamAV's own reader decides later, but takes any line of an `.ign2` for
 * the name of a signature, those of an error page too. Throws `extra/wrong-type`.
 */
export function requireContent(name: string, bytes: Buffer): void {
  const extension = name.slice(name.lastIndexOf('.') + 1);
  const wrong =
    wrongIn(bytes) ?? pageIn(bytes, extension) ?? (/^ign2?$/.test(extension) ? nameIn(bytes) : undefined);
  if (wrong === undefined) return;
  throw new ExtraError('extra/wrong-type', `what its source gives as ${name} ${wrong}`, {
    advice: 'Look at what that address answers: it may want a login, or another address',
  });
}

function wrongIn(bytes: Buffer): string | undefined {
  if (bytes.toString('latin1', 0, BEGINNING).trim() === '') return 'is empty';
  const magic = MAGICS.find(([start]) => bytes.subarray(0, start.length).equals(start));
  if (magic !== undefined) return magic[1];
  return bytes.includes(0) ? 'is no text' : undefined;
}

const MAGICS: readonly (readonly [Buffer, string])[] = [
  [Buffer.from('1f8b', 'hex'), 'is compressed with gzip, which ClamAV does not load'],
  [Buffer.from('504b0304', 'hex'), 'is a zip archive, which ClamAV does not load'],
  [Buffer.from('fd377a585a00', 'hex'), 'is compressed with xz, which ClamAV does not load'],
  [Buffer.from('fffe', 'hex'), 'is UTF-16, which ClamAV does not load'],
  [Buffer.from('feff', 'hex'), 'is UTF-16, which ClamAV does not load'],
  [
    Buffer.from('efbbbf', 'hex'),
    'begins with a byte order mark, which ClamAV takes for a part of the first line',
  ],
];

/** A page of a web server, or the answer of an API. `.ioc` alone is XML. */
function pageIn(bytes: Buffer, extension: string): string | undefined {
  const start = bytes.toString('latin1', 0, BEGINNING).trimStart().toLowerCase();
  if (/^<(?:!doctype\s+html|html|head|body|!--)/.test(start)) return 'is a page of HTML';
  if (extension !== 'ioc' && /^<[!?a-z]/.test(start)) return 'is HTML or XML';
  return /^[[{]\s*["[{\]}]/.test(start) ? 'is JSON' : undefined;
}

/** A line of an `.ign2` or `.ign` that is no name: ClamAV would take every line for one. */
function nameIn(bytes: Buffer): string | undefined {
  const lines = bytes.toString('latin1').split(/\r?\n/);
  const at = lines.findIndex((line) => line !== '' && !/^#|^[\x21-\x7e]+$/.test(line));
  return at === -1 ? undefined : `has no name of a signature in line ${at + 1}`;
}
