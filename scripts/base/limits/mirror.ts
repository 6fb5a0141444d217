/** Limits of a mirror that `client`, `probe`, `watch` or the quick check asks, and of the network before it. */

/** Bytes of a body: a host that ignores Range must not make us download main.cvd, 85 MB. */
export const BODY_BYTES = 1_000_000;
/** Requests of one visit: each of three databases takes 40, and one for each CDIFF; with 1000 CDIFFs, 3000 in all. */
export const REQUESTS = 10_000;
/** Unanswered requests in a row after which no more are made. */
export const UNANSWERED_REQUESTS = 3;
/** Milliseconds for one request, all far above what a healthy host needs. */
export const PROBE_PATIENCE = {
  connect: 10_000,
  /** Without a byte of the answer. */
  idle: 10_000,
  /** For a whole answer. */
  answer: 20_000,
  /** For a whole file. */
  file: 15 * 60_000,
} as const;
/** Milliseconds for the TLS handshake that shows a certificate, which may trickle. */
export const HANDSHAKE_MS = 10_000;
/** Milliseconds for one run of a real client, which downloads and loads everything. */
export const CLIENT_RUN_MS = 30 * 60_000;
/** Characters of a mirror's words that a finding quotes: one line of a terminal. */
export const QUOTED_CHARACTERS = 80;
/** Milliseconds for each request of the quick check, which must be faster than the cycle that it saves. */
export const QUICK_CHECK_MS = 10_000;
