/** Settings of statistics by default. */
export const USUAL = {
  format: 'auto',
  since: undefined,
  monitors: [],
  published: new Map(),
  addresses: 'cut',
} as const;
