/** Upstream, the network before it, and nameservers. Databases have limits of their own (databases.ts), and --max-size. */

/**
 * Milliseconds for the handshake with one address of a name, before the next one is tried. Node's 250 are less than many
 * real lines take (nodejs/node#54359): then no address is ever reached. The last address has the whole time.
 */
export const ADDRESS_MS = 3000;
/** Milliseconds until one of upstream's addresses must have taken a connection: dead ones take their time (network.ts). */
export const CONNECT_MS = 20_000;
/**
 * Milliseconds until a connection must stand with whatever proxy there is; the head of the answer has twice the idle time
 * on top. Each byte of a head that trickles would start the idle time anew.
 */
export const PROXIED_CONNECT_MS = 60_000;
/** Milliseconds, bytes and attempts for one file: production's largest takes half an hour at 50 KB/s; freshclam tries three times. */
export const PATIENCE = {
  /** Without a byte of the answer's head or body. */
  idle: 30_000,
  /** In each of these spans, `least` bytes of a body have to come. */
  span: 60_000,
  least: 128 * 1024,
  /** For one file in all, so that others are published meanwhile; what came of it may outlive that. */
  file: 45 * 60_000,
  attempts: 3,
  /** Before the second attempt; doubled before each further one. */
  pause: 1000,
} as const;
/** Bytes of an error page, which only tells people what is wrong. */
export const PAGE_BYTES = 16 * 1024;
/** Redirects that are followed: as many as freshclam follows (clamav-formats.md §6). */
export const REDIRECTS = 3;
/** CDIFFs that a rebuild takes: beyond that a download is cheaper, and upstream keeps about 90 (clamav-formats.md §7). */
export const REBUILD_STEPS = 90;
/** Milliseconds of a cool-down that upstream may ask for: upstreams have said 35 µs and weeks (field-notes.md, defect 5). */
export const COOL_DOWN_MS = { shortest: 5 * 60_000, longest: 24 * 60 * 60_000 } as const;
/** Seconds that a DNS record may be old, as for freshclam, and may lie ahead of our clock. */
export const RECORD_SECONDS = { old: 12 * 3600, ahead: 3600 } as const;
/** Milliseconds for one nameserver, which is asked twice. */
export const NAMESERVER_MS = 5000;
/** Milliseconds of a cool-down after a 429 without Retry-After, and after a 403: freshclam's (clamav-formats.md §6). */
export const UNTOLD_COOL_DOWN_MS = { 429: 4 * 60 * 60_000, 403: 24 * 60 * 60_000 } as const;
/** Characters that are quoted of an answer that is a no: of its page, and of a header. */
export const QUOTED_ANSWER_CHARACTERS = 100;
