/** A look at a machine, which is to be over in seconds: whoever does not answer by then is told of. */

/** Milliseconds of a check that has no other time. */
export const CHECK_MS = 10_000;
/** Milliseconds to try out an engine: one in an image has three containers made, on a slow machine one after the other. */
export const ENGINE_CHECK_MS = 30_000;
/** Milliseconds of the one version check of upstream, which is tried once. */
export const UPSTREAM_CHECK_MS = { connect: 8000, idle: 8000, file: 8000 } as const;
/** Milliseconds of the one request to the public URL. */
export const PUBLIC_URL_CHECK_MS = { connect: 8000, idle: 8000, answer: 9000 } as const;
/** Milliseconds until a proxy must have taken a connection. */
export const PROXY_CHECK_MS = 5000;
/** Milliseconds for one nameserver, which is asked twice. */
export const NAMESERVER_CHECK_MS = 2000;
/** Bytes of a file of certificates that a variable names: a system's whole list has 250 KB. */
export const CERTIFICATES_BYTES = 16 * 1024 * 1024;
