/** A mirror that `client`, `probe`, `watch` or the quick look asks, or the network before it. */

/** Bytes of a body: a host that ignores Range must not cost a whole main of 85 MB. */
export const BODY_BYTES = 1_000_000;
/** Requests of one visit: each of three databases takes 40 and one for each CDIFF; with all of 1000 CDIFFs, 3000. */
export const REQUESTS = 10_000;
/** Requests in a row without an answer, after which no more are made. */
export const UNANSWERED_REQUESTS = 3;
/** Milliseconds of one request, as far as a healthy host is from any of them. */
export const PROBE_PATIENCE = {
  connect: 10_000,
  /** Without a byte of the answer. */
  idle: 10_000,
  /** For one answer. */
  answer: 20_000,
  /** For one whole file. */
  file: 15 * 60_000,
} as const;
/** Milliseconds to see a certificate: a handshake may trickle. */
export const HANDSHAKE_MS = 10_000;
/** Milliseconds for one run of a real client, which downloads and loads everything. */
export const CLIENT_RUN_MS = 30 * 60_000;
/** Characters of a mirror's words that a finding quotes: a line of a terminal. */
export const QUOTED_CHARACTERS = 80;
/** Milliseconds for each request of the quick look, which must be quicker than the cycle that it saves. */
export const QUICK_CHECK_MS = 10_000;
