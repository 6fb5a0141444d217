/** Limits of upstream, of the network before it, and of nameservers. Databases have theirs in databases.ts. */

/** Upstreams of one mirror: each may cost a request for every database in every cycle. */
export const UPSTREAMS = 5;
/**
 * Milliseconds for the handshake with one address of a name before the next one is tried. Node's default of 250 is too
 * short for many real lines, which then reach no address at all (nodejs/node#54359). The last address has all the time.
 */
export const ADDRESS_MS = 3000;
/** Milliseconds for any of upstream's addresses to accept a connection; each dead one takes `ADDRESS_MS` first. */
export const CONNECT_MS = 20_000;
/**
 * Milliseconds for a connection to be up, through a proxy if there is one. The head of the answer has twice the idle
 * time on top: idle time alone would start again with each byte of a head that trickles.
 */
export const PROXIED_CONNECT_MS = 60_000;
/**
 * Limits for one file, in milliseconds, bytes and attempts. Progress decides, and not the time for the whole: production's
 * largest takes two hours at 20 KB/s, and whoever ends it after one never has the daily, which is another one tomorrow.
 * freshclam tries three times.
 */
export const PATIENCE = {
  /** Without a byte of the answer's head or body. */
  idle: 30_000,
  /** In which at least `least` bytes of a body have to arrive. */
  span: 60_000,
  least: 128 * 1024,
  attempts: 3,
  /** Before the second attempt; doubled before each further one. */
  pause: 1000,
} as const;
/** Bytes of an error page, which is read for people only. */
export const PAGE_BYTES = 16 * 1024;
/** Redirects followed, as many as freshclam follows (clamav-formats.md §6). */
export const REDIRECTS = 3;
/** CDIFFs of a rebuild: with more of them a download is cheaper, and upstream keeps about 90 (clamav-formats.md §7). */
export const REBUILD_STEPS = 90;
/**
 * Milliseconds of a cool-down that upstream may ask for: upstreams have said 35 µs and weeks (field-notes.md, defect
 * 5).
 */
export const COOL_DOWN_MS = { shortest: 5 * 60_000, longest: 24 * 60 * 60_000 } as const;
/** Milliseconds between two looks for a version that is waited for; each is twice as long as the one before. */
export const AWAIT_PAUSE_MS = { first: 60_000, longest: 10 * 60_000 } as const;
/** Seconds by which a DNS record may be old, as for freshclam, or ahead of our clock. */
export const RECORD_SECONDS = { old: 12 * 3600, ahead: 3600 } as const;
/** Milliseconds for one nameserver, both questions to it included: a dead one among others costs no more than that. */
export const NAMESERVER_MS = 3000;
/** Bytes of an answer over HTTPS: a DNS message is never longer (RFC 8484 §6), and a record has a hundred. */
export const DNS_MESSAGE_BYTES = 65_535;
/** Milliseconds of a cool-down after a 429 without Retry-After, and after a 403: freshclam's (clamav-formats.md §6). */
export const UNTOLD_COOL_DOWN_MS = { 429: 4 * 60 * 60_000, 403: 24 * 60 * 60_000 } as const;
/** Characters quoted from a refusal: from its page, and from each header. */
export const QUOTED_ANSWER_CHARACTERS = 100;
