import type { FoundFormat } from '../../../scripts/stats/logs/formats/formats.ts';

/** A request, before any server has written it down. */
export interface Event {
  readonly seconds: number;
  readonly address: string;
  readonly agent: string;
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly bytes: number;
}

/** The formats that logs are made in: both of Apache's are `common` to whoever reads them. */
export const WRITTEN = [
  'common',
  'combined',
  ...(['caddy', 'cloudfront', 's3', 'r2', 'serve'] as const),
] as const;
export type Written = (typeof WRITTEN)[number];

/** Name under which a format is found. */
export function foundAs(format: Written): FoundFormat {
  return format === 'combined' ? 'common' : format;
}

/** What a made log holds, counted while it was made, by other code than that which reads it. */
export interface Truth {
  requests: number;
  bytes: number;
  monitors: number;
  broken: number;
  readonly kinds: Record<string, { requests: number; bytes: number }>;
  readonly programs: Record<string, { requests: number; bytes: number }>;
  readonly days: Map<string, { requests: number; bytes: number; clients: Set<number>; takers: Set<number> }>;
  readonly notFound: Record<string, number>;
  readonly forbidden: Record<string, number>;
}

export interface MadeLog {
  readonly format: Written;
  readonly lines: number;
  readonly clients: number;
  /** Days over which the lines are spread. */
  readonly days: number;
}

const START = Date.UTC(2026, 5, 1) / 1000;
const DAY = 24 * 3600;
const RELEASES = ['1.4.6', '1.4.3', '1.0.9', '1.5.1', '0.103.12'];
const WHOLE = { daily: 22_000_000, main: 85_000_000, bytecode: 280_000 } as const;
const DATABASES = ['daily', 'main', 'bytecode'] as const;

/** Makes a log piece by piece, of whole lines, always the same one. The truth is complete when the last piece was taken. */
export function makeLog({ format, lines, clients, days }: MadeLog): {
  readonly truth: Truth;
  readonly pieces: Generator<string>;
} {
  const truth: Truth = {
    ...{ requests: 0, bytes: 0, monitors: 0, broken: 0, kinds: {}, programs: {}, days: new Map() },
    ...{ notFound: {}, forbidden: {} },
  };
  const people = Array.from({ length: clients }, (_, number) => personOf(number, format));
  const write = WRITERS[format];
  const pieces = (function* () {
    let piece = HEADS[format] ?? '';
    for (let at = 0; at < lines; at++) {
      const seconds = START + Math.floor((at * days * DAY) / lines);
      if (at % 997 === 996) {
        truth.broken++;
        piece += BROKEN[at % BROKEN.length];
      } else {
        const number = (at * 7919) % clients;
        const person = people[number] as Person;
        const event = eventOf(at, seconds, person);
        piece += write(event);
        account(truth, event, number, person);
      }
      if (piece.length < 256 * 1024) continue;
      yield piece;
      piece = '';
    }
    yield piece;
  })();
  return { truth, pieces };
}

interface Person {
  readonly address: string;
  readonly agent: string;
  readonly program: string;
  readonly isMonitor: boolean;
}

function personOf(number: number, format: Written): Person {
  const hex = number.toString(16).padStart(12, '0');
  const address =
    number % 10 === 9
      ? `2001:db8:${(number & 0xffff).toString(16)}::${(number >> 16).toString(16)}`
      : `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
  if (number % 50 === 0) {
    const agent = `CVDUPDATE/1.2.0 (00000000-0000-4000-8000-${hex}) clamav-mirror/0.1.0`;
    // Apache's common format has no User-Agent, and so shows no monitor
    return { address, agent, program: 'no User-Agent', isMonitor: format !== 'common' };
  }
  const release = RELEASES[number % RELEASES.length] ?? '';
  const agent = `ClamAV/${release} (OS: linux-gnu, ARCH: x86_64, CPU: x86_64, UUID: 00000000-0000-4000-9000-${hex})`;
  return {
    address,
    agent,
    program: format === 'common' ? 'no User-Agent' : `ClamAV ${release}`,
    isMonitor: false,
  };
}

function eventOf(at: number, seconds: number, { address, agent }: Person): Event {
  const database = DATABASES[at % 3] ?? 'daily';
  const base = { seconds, address, agent, method: 'GET' };
  const turn = at % 20;
  if (turn < 12)
    return {
      ...base,
      target: `/${database}.cvd`,
      status: turn % 2 === 0 ? 206 : 304,
      bytes: turn % 2 === 0 ? 512 : 0,
    };
  if (turn < 16) {
    const version = 28_000 + Math.floor((seconds - START) / DAY);
    return { ...base, target: `/daily-${version}.cdiff`, status: 200, bytes: 9000 + (version % 100) };
  }
  if (turn === 16) return { ...base, target: `/${database}.cvd`, status: 200, bytes: WHOLE[database] };
  if (turn === 17) return { ...base, target: `/${database}.cld`, status: 404, bytes: 162 };
  if (turn === 18) return { ...base, target: `/daily-${28_000}.cvd.sign`, status: 200, bytes: 5170 };
  return { ...base, target: `/secret-${at % 7}`, status: 403, bytes: 150 };
}

function account(truth: Truth, event: Event, number: number, { program, isMonitor }: Person): void {
  if (isMonitor) {
    truth.monitors++;
    return;
  }
  const { target, status, bytes, seconds } = event;
  truth.requests++;
  truth.bytes += bytes;
  const kind =
    status >= 400
      ? 'failed'
      : target.endsWith('.cdiff')
        ? 'cdiff'
        : target.endsWith('.sign')
          ? 'sign'
          : status === 200
            ? 'whole'
            : 'check';
  for (const [counts, name] of [
    [truth.kinds, kind],
    [truth.programs, program],
  ] as const) {
    counts[name] ??= { requests: 0, bytes: 0 };
    const count = counts[name];
    count.requests++;
    count.bytes += bytes;
  }
  const date = new Date(Math.floor(seconds / DAY) * DAY * 1000).toISOString().slice(0, 10);
  let day = truth.days.get(date);
  if (day === undefined) {
    day = { requests: 0, bytes: 0, clients: new Set(), takers: new Set() };
    truth.days.set(date, day);
  }
  day.requests++;
  day.bytes += bytes;
  day.clients.add(number);
  if (kind === 'whole') day.takers.add(number);
  if (status === 404) truth.notFound[target] = (truth.notFound[target] ?? 0) + 1;
  if (status === 403) truth.forbidden[target] = (truth.forbidden[target] ?? 0) + 1;
}

/** Lines that no format has. */
const BROKEN = [
  'nonsense\n',
  '{"status":\n',
  '\u0000\u0001\u0002\n',
  '10.0.0.1 - - [99/Foo/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 5\n',
];

const HEADS: Readonly<Partial<Record<Written, string>>> = {
  cloudfront:
    '#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query\n',
};

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
let last = { seconds: 0, iso: '', common: '' };

function timesOf(seconds: number): { readonly iso: string; readonly common: string } {
  if (last.seconds === seconds) return last;
  const iso = new Date(seconds * 1000).toISOString();
  const common = `${iso.slice(8, 10)}/${MONTHS[Number(iso.slice(5, 7)) - 1]}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
  last = { seconds, iso, common };
  return last;
}

/** Each server's own form of a line. */
const WRITERS: Readonly<Record<Written, (event: Event) => string>> = {
  common: ({ address, seconds, method, target, status, bytes }) =>
    `${address} - - [${timesOf(seconds).common}] "${method} ${target} HTTP/1.1" ${status} ${bytes || '-'}\n`,
  combined: ({ address, seconds, method, target, status, bytes, agent }) =>
    `${address} - - [${timesOf(seconds).common}] "${method} ${target} HTTP/1.1" ${status} ${bytes} "-" "${agent}"\n`,
  caddy: ({ address, seconds, method, target, status, bytes, agent }) =>
    `{"level":"info","ts":${seconds}.25,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"${address}","remote_port":"41342","proto":"HTTP/1.1","method":"${method}","host":"mirror.example:8080","uri":"${target}","headers":{"User-Agent":["${agent}"],"Accept":["*/*"],"Connection":["close"]}},"user_id":"","duration":0.00021,"size":${bytes},"status":${status},"resp_headers":{"Server":["Caddy"],"Cache-Control":["public, max-age=60, must-revalidate"]}}\n`,
  cloudfront: ({ address, seconds, method, target, status, bytes, agent }) => {
    const { iso } = timesOf(seconds);
    return `${iso.slice(0, 10)}\t${iso.slice(11, 19)}\tFRA56-P4\t${bytes}\t${address}\t${method}\td111.cloudfront.net\t${target}\t${status}\t-\t${agent.replaceAll(' ', '%20')}\t-\n`;
  },
  s3: ({ address, seconds, method, target, status, bytes, agent }) =>
    `79a59df900b949e5 our-bucket [${timesOf(seconds).common}] ${address} - 3E57427F33A59F07 REST.${method}.OBJECT clamav${target} "${method} /clamav${target} HTTP/1.1" ${status} - ${bytes || '-'} 2662992 70 10 "-" "${agent}" - host= SigV4 - - our-bucket.s3.amazonaws.com TLSv1.3 - -\n`,
  r2: ({ address, seconds, method, target, status, bytes, agent }) =>
    `{"ClientIP":"${address}","ClientRequestMethod":"${method}","ClientRequestURI":"${target}","EdgeResponseBytes":${bytes},"EdgeResponseStatus":${status},"EdgeStartTimestamp":"${timesOf(seconds).iso.slice(0, 19)}Z","ClientRequestUserAgent":"${agent}","RayID":"8f1"}\n`,
  serve: ({ address, seconds, method, target, status, bytes, agent }) =>
    `{"at":"${timesOf(seconds).iso}","client":"${address}","method":"${method}","path":"${target}","status":${status},"bytes":${bytes},"userAgent":"${agent}","duration":0.4}\n`,
};
