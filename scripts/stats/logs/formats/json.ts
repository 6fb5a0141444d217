import * as v from 'valibot';
import { parseJson } from '../../../base/json.ts';
import { LOG_LINE_CHARACTERS } from '../../../base/limits/requests.ts';
import { accept, countIn, type ParseLine, secondsIn } from '../access.ts';
import { caddyShortcut, servedShortcut } from './shortcuts.ts';

const Text = v.string();
const Time = v.union([v.number(), v.string()]);

/** A request of our own `serve --json` and `run --json`. */
const Served = v.object({
  ...{ at: Text, event: v.optional(v.literal('request')), client: Text, method: Text, path: Text },
  ...{ status: v.number(), bytes: v.number(), userAgent: v.optional(Text, '') },
});
/** What else those two print: events, the address at the start, and requests that are only counted. */
const ServedOther = v.union([v.object({ at: Text, event: Text }), v.object({ url: Text, store: Text })]);
const Gap = v.object({ notLogged: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) });

const Caddy = v.object({
  ts: Time,
  request: v.object({
    ...{ client_ip: v.optional(Text), remote_ip: v.optional(Text), method: Text, uri: Text },
    /** With its port, before Caddy 2.5. */
    remote_addr: v.optional(Text),
    headers: v.optional(v.object({ 'User-Agent': v.optional(v.array(Text)) })),
  }),
  size: v.number(),
  status: v.number(),
});
const CaddyOther = v.object({ level: Text, ts: Time, msg: Text });

/** Cloudflare's dataset of HTTP requests, as Logpush writes it for the domain of an R2 bucket. */
const Cloudflare = v.object({
  ...{ EdgeStartTimestamp: Time, ClientIP: Text, ClientRequestMethod: Text },
  ...{ ClientRequestURI: v.optional(Text), ClientRequestPath: v.optional(Text) },
  ...{ ClientRequestUserAgent: v.optional(Text, ''), EdgeResponseStatus: v.number() },
  EdgeResponseBytes: v.number(),
});

/** Reads a line of our own `serve --json` or `run --json`. */
export const parseServed: ParseLine = (line, into) => {
  const short = servedShortcut(line);
  if (short !== undefined)
    return accept(into, short, secondsIn(short.at), countIn(short.status), countIn(short.bytes));
  const value = jsonIn(line);
  const served = v.safeParse(Served, value, FIRST);
  if (!served.success) {
    const gap = v.safeParse(Gap, value);
    if (!gap.success) return v.is(ServedOther, value) ? 'other' : 'form';
    into.notLogged = gap.output.notLogged;
    return 'gap';
  }
  const { at, client, method, path, status, bytes, userAgent } = served.output;
  return accept(
    into,
    { address: client, method, target: path, agent: userAgent },
    secondsIn(at),
    status,
    bytes,
  );
};

/** Reads a line of Caddy's access log. */
export const parseCaddy: ParseLine = (line, into) => {
  const short = caddyShortcut(line);
  if (short !== undefined)
    return accept(into, short, secondsIn(Number(short.at)), countIn(short.status), countIn(short.bytes));
  const value = jsonIn(line);
  const caddy = v.safeParse(Caddy, value, FIRST);
  if (!caddy.success) return v.is(CaddyOther, value) ? 'other' : 'form';
  const { ts, request, size, status } = caddy.output;
  const { client_ip, remote_ip, remote_addr, method, uri, headers } = request;
  const address = client_ip ?? remote_ip ?? withoutPort(remote_addr ?? '');
  const words = { address, method, target: uri, agent: headers?.['User-Agent']?.[0] ?? '' };
  return accept(into, words, secondsIn(ts), status, size);
};

/** Reads a line of Cloudflare's Logpush. */
export const parseCloudflare: ParseLine = (line, into) => {
  const found = v.safeParse(Cloudflare, jsonIn(line), FIRST);
  if (!found.success) return 'form';
  const one = found.output;
  const words = {
    address: one.ClientIP,
    method: one.ClientRequestMethod,
    target: one.ClientRequestURI ?? one.ClientRequestPath ?? '',
    agent: one.ClientRequestUserAgent,
  };
  const seconds = secondsIn(one.EdgeStartTimestamp);
  return accept(into, words, seconds, one.EdgeResponseStatus, one.EdgeResponseBytes);
};

const FIRST = { abortEarly: true } as const;

/** Value of a line; `undefined`, which fits no schema, where it is no JSON. */
function jsonIn(line: string): unknown {
  if (!line.startsWith('{')) return undefined;
  try {
    return parseJson(line, LOG_LINE_CHARACTERS);
  } catch {
    return undefined;
  }
}

function withoutPort(address: string): string {
  return address.replace(/^\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?$/, '$1').replace(/^([\d.]+):\d{1,5}$/, '$1');
}
