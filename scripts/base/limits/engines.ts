/**
 * Limits of engines, which read what upstream offers, of the programs that run containers, and of the user's samples.
 */

/** Characters of one tool's output: freshclam and clamscan print a few kilobytes. */
export const OUTPUT_CHARACTERS = 1024 * 1024;
/** Characters of an answer from clamd, which is one line. */
export const CLAMD_CHARACTERS = 4096;
/** Milliseconds of one run of a tool: loading main and daily takes up to a minute. */
export const TOOL_MS = 10 * 60_000;
/** Milliseconds of all scenarios of one engine added up, so that an engine that keeps hanging cannot hang the cycle. */
export const ENGINE_MS = 40 * 60_000;
/** Bytes of output of docker or podman: an inspection of all containers has a few hundred kilobytes. */
export const CONTAINER_OUTPUT_BYTES = 16 * 1024 * 1024;
/** Milliseconds for a command of docker or podman that runs no tool. */
export const CONTAINER_COMMAND_MS = 60_000;
/** Milliseconds to pull an image: ClamAV's have 300 MB. */
export const PULL_MS = 10 * 60_000;
/** Milliseconds for all requests to a registry about one tag or digest, and for its token. */
export const REGISTRY_MS = 15_000;
/** Bytes of a registry's token with what belongs to it: one for anybody has two to three kilobytes. */
export const REGISTRY_TOKEN_BYTES = 64 * 1024;
/** Characters kept of one tool's output: half from its beginning, half from its end. */
export const TRANSCRIPT_CHARACTERS = 64 * 1024;
/** Failed scenarios whose transcripts are kept. */
export const TRANSCRIPTS = 20;
/** Samples of the user. */
export const SAMPLES = 10_000;
/** Bytes of all samples together: the limits that clamscan is given must reach them. */
export const SAMPLES_BYTES = 2e9;
/** Bytes of a list of samples: 10,000 lines of 400. */
export const SAMPLE_LIST_BYTES = 4 * 1024 * 1024;
/** Milliseconds for the tests of an engine when it opens: reading an empty configuration, and mounting a file. */
export const TRIAL_MS = { confinement: 60_000, mount: 10_000 } as const;
