/** Limits of what clients send: to the built-in host, and into the access logs of any host. */

/** Characters of a request target: no published file has a longer one. */
export const TARGET_CHARACTERS = 2048;
/** Milliseconds that the host waits for a client. */
export const HOST_PATIENCE = {
  /** For a client to send its headers. */
  headers: 10_000,
  /** For a client to send a whole request, with a body that is ignored. */
  request: 30_000,
  /** For the next request on a connection. */
  idle: 5_000,
  /** For a client that accepts no byte. */
  stall: 60_000,
  /** For transfers to end when the host closes. */
  grace: 5_000,
} as const;
/** Bytes of log lines that wait for a reader who has stopped reading. Later lines are counted and dropped. */
export const LOG_WAITING_BYTES = 1024 * 1024;

/** Characters of a line: a server that takes 8 KB of target and 8 KB of headers writes twice that, escaped. */
export const LOG_LINE_CHARACTERS = 32 * 1024;
/** Lines from the start of a log by which its format is found. */
export const LOG_FORMAT_LINES = 200;
/** Characters of an address: a name of a host at most. */
export const LOG_ADDRESS_CHARACTERS = 255;
/** Characters of a target that are read; freshclam's have thirty. */
export const LOG_TARGET_CHARACTERS = 2048;
/** Characters of a User-Agent that are read; freshclam's have a hundred and twenty. */
export const LOG_AGENT_CHARACTERS = 512;
/** Bytes of one answer: more than any database has. */
export const LOG_ANSWER_BYTES = 1024 ** 4;
/** Seconds by which a line may be ahead of our clock: a server may keep its local time without saying so. */
export const LOG_AHEAD_SECONDS = 24 * 3600;
/** Megabytes of what is remembered of logs: half of it is there for garbage. */
export const STATS_HEAP_MB = 96;
/** Clients that are told apart, with about 600 bytes each. Requests of further ones are counted together. */
export const STATS_CLIENTS = 50_000;
/** Days that are told apart. */
export const STATS_DAYS = 400;
/** Names that were refused or not found, and that are told apart. */
export const STATS_NAMES = 10_000;
/** Programs of clients that are told apart. */
export const STATS_PROGRAMS = 500;
/** Databases that are told apart. */
export const STATS_DATABASES = 32;
/** Versions of a database that are remembered: thirteen years of one each day. */
export const STATS_VERSIONS = 5000;
/** Broken lines that are quoted, and the characters of each. */
export const STATS_QUOTED = { lines: 5, characters: 120 } as const;
/** Clients, and names, that a report lists: it has the counts of all. */
export const STATS_LISTED = { clients: 50, names: 20 } as const;
