import { type Access, accept, clockSeconds, countIn, type Outcome } from '../access.ts';

/**
 * Reads a line of nginx, Apache or lighttpd: `common`, `combined`, with `%b` or `%O`, and with a host before it. All three
 * escape quotes of clients, so a quote without a backslash ends a field. No pattern here can backtrack.
 */
export function parseCommon(line: string, into: Access): Outcome {
  const close = line.indexOf('] "');
  const open = line.lastIndexOf(' [', close); // a user may have a bracket in its name
  if (close === -1 || open === -1) return 'form';
  const requestEnd = quoteAfter(line, close + 3);
  if (requestEnd === -1) return 'form';
  const request = line.slice(close + 3, requestEnd);
  const bytesAt = line.indexOf(' ', requestEnd + 2);
  if (bytesAt === -1) return 'form';
  const found = line.indexOf(' ', bytesAt + 1);
  const bytesEnd = found === -1 ? line.length : found;
  const first = request.indexOf(' ');
  const second = request.indexOf(' ', first + 1);
  const isRequest = first > 0; // what is none, such as TLS to a plain port, has no name
  const words = {
    address: addressIn(line, open),
    method: isRequest ? request.slice(0, first) : '',
    target: isRequest ? request.slice(first + 1, second === -1 ? request.length : second) : '',
    agent: agentIn(line, bytesEnd),
  };
  const seconds = commonSeconds(line.slice(open + 2, close));
  const status = countIn(line.slice(requestEnd + 2, bytesAt));
  return accept(into, words, seconds, status, countIn(line.slice(bytesAt + 1, bytesEnd)));
}

/** The quote that ends a field, or -1. */
export function quoteAfter(line: string, from: number): number {
  for (let at = line.indexOf('"', from); at !== -1; at = line.indexOf('"', at + 1)) {
    let slashes = 0;
    while (line.charCodeAt(at - 1 - slashes) === BACKSLASH && at - 1 - slashes >= from) slashes++;
    if (slashes % 2 === 0) return at;
  }
  return -1;
}

/** Epoch seconds of `28/Nov/2026:17:05:11 +0000`; `NaN` for any other text. */
export function commonSeconds(text: string): number {
  if (text.length !== 26) return Number.NaN;
  const [day, zone] = [text.slice(0, 12), text.slice(20)];
  if (day !== known.day || zone !== known.zone) known = { day, zone, midnight: midnightOf(day, zone) };
  return known.midnight + clockSeconds(text, 12);
}

/** The day of the line before, and its beginning: it is that of most lines. */
let known = { day: '', zone: '', midnight: Number.NaN };

function midnightOf(date: string, zone: string): number {
  const [, day, month = '', year] = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):$/.exec(date) ?? [];
  const [, sign, hours, minutes] = /^ ([+-])(\d\d)(\d\d)$/.exec(zone) ?? [];
  const offset = (Number(hours) * 60 + Number(minutes)) * 60 * (sign === '-' ? -1 : 1);
  return Date.parse(`${year}-${MONTHS.get(month)}-${day}T00:00:00Z`) / 1000 - offset;
}

const MONTHS = new Map(
  ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'].map((name, at) => [
    name,
    String(at + 1).padStart(2, '0'),
  ]),
);
const BACKSLASH = 92;
const QUOTE = 34;
/** Digits and separators of an address, and nothing of a name. */
const NUMBERS = /^[0-9A-Fa-f.:]+$/;

/** The first word; the second where the first names the host that was asked, as in Apache's `vhost_combined`. */
function addressIn(line: string, end: number): string {
  const first = wordAt(line, 0, end);
  if (NUMBERS.test(first)) return first;
  const second = wordAt(line, first.length + 1, end);
  return second.length > 2 && NUMBERS.test(second) ? second : first;
}

function wordAt(line: string, from: number, end: number): string {
  const blank = line.indexOf(' ', from);
  return line.slice(from, blank === -1 || blank > end ? end : blank);
}

/** The second quoted field behind the bytes; none in `common`. */
function agentIn(line: string, from: number): string {
  if (line.charCodeAt(from + 1) !== QUOTE) return '';
  const referer = quoteAfter(line, from + 2);
  if (referer === -1 || line.charCodeAt(referer + 2) !== QUOTE) return '';
  const end = quoteAfter(line, referer + 3);
  return end === -1 ? '' : agentOf(line.slice(referer + 3, end));
}

/** A User-Agent as it is logged; `-` stands for none. */
export function agentOf(text: string): string {
  return text === '-' ? '' : text;
}
