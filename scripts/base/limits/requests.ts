/** Limits of the built-in host's clients. */

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
