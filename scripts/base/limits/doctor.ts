/** Limits of `doctor`: each check ends in time, so that the others can report. */

/** Milliseconds for a check that has no limit of its own below. */
export const CHECK_MS = 10_000;
/** Milliseconds to open an engine: an image needs three containers, one after the other on a slow machine. */
export const OPEN_ENGINE_MS = 30_000;
/** Milliseconds for upstream to accept the connection of the one version check, less than a whole check has. */
export const VERSION_CHECK_CONNECT_MS = 8000;
/** Milliseconds for the answer to the version check: without a byte, and as a whole. */
export const VERSION_CHECK_ANSWER_MS = { idle: 8000, file: 8000 } as const;
/** Milliseconds for the one request to the public URL. */
export const PUBLIC_URL_MS = { connect: 8000, idle: 8000, answer: 9000 } as const;
/** Milliseconds for a proxy to accept a connection. */
export const PROXY_MS = 5000;
/** Bytes of a file of certificates: a system's whole list has 250 KB. */
export const CERTIFICATES_BYTES = 16 * 1024 * 1024;
