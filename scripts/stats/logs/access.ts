import {
  LOG_ADDRESS_CHARACTERS,
  LOG_AGENT_CHARACTERS,
  LOG_AHEAD_SECONDS,
  LOG_ANSWER_BYTES,
  LOG_TARGET_CHARACTERS,
} from '../../base/limits/requests.ts';

/** One request as a log has it. A parser fills the same object again for each line: millions of them would be garbage. */
export interface Access {
  /** Time in epoch seconds. */
  seconds: number;
  address: string;
  method: string;
  target: string;
  status: number;
  /** Bytes that were sent, as the log counts them. */
  bytes: number;
  agent: string;
  /** Requests of which a log only says that there were so many. */
  notLogged: number;
}

/** Fault of a line, in the word that a report counts it under. */
export type Fault = 'line' | 'form' | 'time' | 'address' | 'status' | 'bytes';

/** Result of a line: a request, something of the log that is none, a count of requests that are missing, or a fault. */
export type Outcome = 'request' | 'other' | 'gap' | Fault;

/** Reads one line into `into`, whose fields mean nothing unless it returns `request`. */
export type ParseLine = (line: string, into: Access) => Outcome;

/** Text fields of a request as a log writes them. */
export interface Words {
  readonly address: string;
  readonly method: string;
  readonly target: string;
  readonly agent: string;
}

export function emptyAccess(): Access {
  return {
    ...{ seconds: 0, address: '', method: '', target: '', status: 0, bytes: 0, agent: '' },
    notLogged: 0,
  };
}

/**
 * The one door of a request, whatever the format: each field has its form and its limit. A target or a User-Agent that is
 * too long is cut, since a client may send any; everything else that is odd is a fault of the line.
 */
export function accept(
  into: Access,
  { address, method, target, agent }: Words,
  seconds: number,
  status: number,
  bytes: number,
): Outcome {
  if (!(seconds >= EARLIEST && seconds <= latest)) return 'time';
  if (address.length > LOG_ADDRESS_CHARACTERS || !ADDRESS.test(address)) return 'address';
  if (!(status >= 100 && status <= 999 && Number.isInteger(status))) return 'status';
  if (!(bytes >= 0 && bytes <= LOG_ANSWER_BYTES && Number.isInteger(bytes))) return 'bytes';
  into.seconds = Math.floor(seconds);
  into.address = address;
  into.method = method;
  into.target = target.length > LOG_TARGET_CHARACTERS ? target.slice(0, LOG_TARGET_CHARACTERS) : target;
  into.status = status;
  into.bytes = bytes;
  into.agent = agent.length > LOG_AGENT_CHARACTERS ? agent.slice(0, LOG_AGENT_CHARACTERS) : agent;
  return 'request';
}

/**
 * A copy of a part of a log, for whoever keeps it: the engine keeps the whole piece that a part was cut from for as long
 * as the part.
 */
export function owned(text: string): string {
  return ` ${text}`.slice(1);
}

/** A number of digits alone, `NaN` for any other text; `-` stands for none. */
export function countIn(text: string): number {
  return text === '-' ? 0 : /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
}

/** Epoch seconds of an ISO time or a number of any usual unit; `NaN` for anything else. */
export function secondsIn(time: string | number): number {
  if (typeof time === 'string') return isoSeconds(time);
  if (time > 1e17) return time / 1e9;
  if (time > 1e14) return time / 1e6;
  return time > 1e11 ? time / 1e3 : time;
}

/** Seconds of the `17:05:11` that begins there; `NaN` if there is none. */
export function clockSeconds(text: string, at: number): number {
  if (text.charCodeAt(at + 2) !== COLON || text.charCodeAt(at + 5) !== COLON) return Number.NaN;
  const [hours, minutes] = [twoDigits(text, at, 23), twoDigits(text, at + 3, 59)];
  return (hours * 60 + minutes) * 60 + twoDigits(text, at + 6, 60); // 60 is a leap second
}

function twoDigits(text: string, at: number, most: number): number {
  const [tens, ones] = [text.charCodeAt(at) - ZERO, text.charCodeAt(at + 1) - ZERO];
  if (!(tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9)) return Number.NaN;
  return tens * 10 + ones <= most ? tens * 10 + ones : Number.NaN;
}

/** The day of the line before, and its beginning: it is that of most lines. */
let known = { day: '', midnight: Number.NaN };

function isoSeconds(time: string): number {
  if (time.length > 19 && !IN_UTC.test(time)) return Date.parse(time) / 1000;
  const day = time.slice(0, 10);
  if (day !== known.day) known = { day, midnight: Date.parse(`${day}T00:00:00Z`) / 1000 };
  return known.midnight + clockSeconds(time, 11);
}

const IN_UTC = /^.{19}(?:\.\d{1,9})?Z$/;
const COLON = 58;
const ZERO = 48;
/** Addresses and names of hosts, a zone and a port among them. */
const ADDRESS = /^[0-9A-Za-z.:_%-]+$/;
/** 2001, when there was no ClamAV yet. */
const EARLIEST = 978_307_200;
const latest = Date.now() / 1000 + LOG_AHEAD_SECONDS;
