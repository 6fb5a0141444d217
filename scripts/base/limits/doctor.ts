/** What `doctor` waits for and reads: each check ends, so that the others are told. */

/** Milliseconds for each check, unless it is one of those below. */
export const CHECK_MS = 10_000;
/** Milliseconds to open an engine: one in an image has three containers made, on a slow machine one after the other. */
export const OPEN_ENGINE_MS = 30_000;
/** Milliseconds until upstream must have taken the connection of the one version check: it has to fit into a check. */
export const VERSION_CHECK_CONNECT_MS = 8000;
/** Milliseconds for its answer, as a whole and without a byte. */
export const VERSION_CHECK_ANSWER_MS = { idle: 8000, file: 8000 } as const;
/** Milliseconds of the one request to the public URL. */
export const PUBLIC_URL_MS = { connect: 8000, idle: 8000, answer: 9000 } as const;
/** Milliseconds for one nameserver, which is asked twice. */
export const NAMESERVER_MS = 2000;
/** Milliseconds until a proxy must have taken a connection. */
export const PROXY_MS = 5000;
/** Bytes of a file with certificates: a system's whole list has 250 KB. */
export const CERTIFICATES_BYTES = 16 * 1024 * 1024;
