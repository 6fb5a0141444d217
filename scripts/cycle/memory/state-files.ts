/** In the work folder: what the machine's own runs have written. */
export const STATE_FILE = 'state.json';
/** The same from a cache that others may write: read once, within bounds, if there is no state of our own. */
export const CACHED_STATE_FILE = 'cached-state.json';
