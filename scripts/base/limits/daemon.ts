/** Limits of what comes into a mirror that runs as one process: from its cycles, and from those who ask it. */

/** Bytes of the report of a cycle: one with ten engines and thirty databases takes a tenth. */
export const CYCLE_REPORT_BYTES = 2 * 1024 * 1024;
/** Characters of a line that a cycle prints; the rest of a longer one is dropped. */
export const CYCLE_LINE_CHARACTERS = 8192;
/** Milliseconds of a cycle. Everything that it waits for has a limit of its own, so this one ends only a cycle that hangs. */
export const CYCLE_MS = 12 * 60 * 60_000;
/** Milliseconds that a cycle has for its end once it was told to, before it is killed. */
export const CYCLE_END_MS = 8_000;
/** Connections at once to the admin address, and to the socket: later ones are closed. */
export const ADMIN_CONNECTIONS = 64;
/** Bytes of the path of a socket: Linux takes 107, other systems fewer. */
export const SOCKET_PATH_BYTES = 100;
/** Bytes of a message by which an upstream tells of what it published: one about thirty databases has 5 KB. */
export const PUSH_BYTES = 64 * 1024;
/** Milliseconds between the clock of such a message and ours: as Standard Webhooks advises. */
export const PUSH_AGE_MS = 5 * 60_000;
/** Messages that are remembered, so that none counts twice. A mirror sends one for each publication. */
export const PUSHES = 1000;
/** Characters of the id of a message. */
export const PUSH_ID_CHARACTERS = 200;
