/** Code of the report that a registry has deleted a pinned image. No error has it: the cycle goes on. */
export const PIN_GONE = 'engine/pin-gone';
