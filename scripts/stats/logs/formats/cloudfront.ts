import { type Access, accept, countIn, type ParseLine, secondsIn } from '../access.ts';
import { agentOf } from './common.ts';

/** Names of the fields that are needed, as `#Fields:` has them. */
const NEEDED = {
  date: 'date',
  time: 'time',
  bytes: 'sc-bytes',
  address: 'c-ip',
  method: 'cs-method',
  target: 'cs-uri-stem',
  status: 'sc-status',
  agent: 'cs(User-Agent)',
} as const;

type Columns = { readonly [Name in keyof typeof NEEDED]: number };

/** Makes a reader of one of CloudFront's standard logs. Each says in `#Fields:` which column holds what. */
export function cloudfrontParser(): ParseLine {
  let columns: Columns | undefined;
  return (line: string, into: Access) => {
    if (line.startsWith('#')) {
      if (!line.startsWith('#Fields:')) return line.startsWith('#Version:') ? 'other' : 'form';
      columns = columnsIn(line.slice('#Fields:'.length).trim().split(/[ \t]/, 100));
      return columns === undefined ? 'form' : 'other';
    }
    if (columns === undefined) return 'form';
    const cells = line.split('\t', 100);
    const time = `${cells[columns.date]}T${cells[columns.time]}`;
    const words = {
      address: cells[columns.address] ?? '',
      method: cells[columns.method] ?? '',
      target: cells[columns.target] ?? '',
      agent: decoded(cells[columns.agent] ?? ''),
    };
    if (words.method === '') return 'form';
    const [status, bytes] = [countIn(cells[columns.status] ?? ''), countIn(cells[columns.bytes] ?? '')];
    return accept(into, words, secondsIn(time), status, bytes);
  };
}

function columnsIn(fields: readonly string[]): Columns | undefined {
  const entries = Object.entries(NEEDED).map(([name, field]) => [name, fields.indexOf(field)] as const);
  return entries.some(([, at]) => at === -1) ? undefined : (Object.fromEntries(entries) as Columns);
}

/** A User-Agent without its percents; earlier logs have them twice. Most have blanks alone, which go fast. */
function decoded(text: string): string {
  const plain = text.replaceAll('%20', ' ');
  return agentOf(plain.includes('%') ? once(once(plain)) : plain);
}

function once(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}
