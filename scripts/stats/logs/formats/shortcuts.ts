import type { Words } from '../access.ts';

/**
 * Shortcuts for lines that have exactly the form in which our host and Caddy write them: JSON and a schema take four times
 * as long, a minute for a log of five million lines. A line of any other form, and each with an escape in a field that is
 * needed, goes the long way. No pattern here can backtrack: each part ends at a character that it cannot hold.
 */

/** A request with its numbers still as text. */
export interface Short extends Words {
  readonly at: string;
  readonly status: string;
  readonly bytes: string;
}

const SERVED =
  /^\{"at":"([^"\\]{1,40})",(?:"event":"request",)?"client":"([^"\\]{1,300})","method":"([^"\\]{1,40})","path":"([^"\\]*)","status":(\d{3}),"bytes":(\d{1,16})(?:,"range":"[^"\\]*")?(?:,"userAgent":"([^"\\]*)")?,"duration":[\d.]{1,24}\}$/;

/** A request of `serve --json` or `run --json`, as host/response.ts orders its fields. */
export function servedShortcut(line: string): Short | undefined {
  const found = SERVED.exec(line);
  if (found === null) return undefined;
  const [, at = '', address = '', method = '', target = '', status = '', bytes = '', agent = ''] = found;
  return { at, address, method, target, status, bytes, agent };
}

const CADDY =
  /^\{"level":"[a-z]{1,9}","ts":(\d{1,12}(?:\.\d{1,12})?),"logger":"[^"\\]*","msg":"[^"\\]*","request":\{"remote_ip":"([^"\\]*)","remote_port":"\d*",(?:"client_ip":"([^"\\]*)",)?"proto":"[^"\\]*","method":"([^"\\]*)","host":"[^"\\]*","uri":"([^"\\]*)","headers":\{/;
const CADDY_END = /,"size":(\d{1,16}),"status":(\d{3}),"resp_headers":\{[^{}]*\}\}$/y;
const AGENT = '"User-Agent":["';

/**
 * A request of Caddy's. Behind the headers come its own fields, whose names no header has: Go begins each header's name
 * with a capital letter, and a quote in a value is escaped.
 */
export function caddyShortcut(line: string): Short | undefined {
  const found = CADDY.exec(line);
  if (found === null) return undefined;
  const [start, at = '', remote = '', client, method = '', target = ''] = found;
  CADDY_END.lastIndex = Math.max(0, line.indexOf(',"size":', start.length));
  const end = CADDY_END.exec(line);
  if (end === null) return undefined;
  const [, bytes = '', status = ''] = end;
  const agentAt = line.indexOf(AGENT, start.length);
  if (agentAt === -1 || agentAt > end.index) return undefined;
  const agentEnd = line.indexOf('"', agentAt + AGENT.length);
  const agent = line.slice(agentAt + AGENT.length, agentEnd);
  if (agent.includes('\\')) return undefined;
  return { at, address: client ?? remote, method, target, status, bytes, agent };
}
