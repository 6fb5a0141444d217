/** One answer of a mirror, by what its body is. `missing` is a 404, `unchanged` a 304. */
export type Piece =
  | 'missing'
  | 'unchanged'
  | 'header'
  | 'cdiff'
  | 'cdiff.sign'
  | 'cvd'
  | 'cvd.sign'
  | 'extra';

/** Ways of a client to its mirror: asking it for versions, being told them by the mirror's DNS record, or as PrivateMirror. */
export type Way = 'DatabaseMirror' | 'DNS' | 'PrivateMirror';

/** `check`: nothing is new; `update`: a database is one version behind; `start`: an empty folder. */
export type Occasion = 'check' | 'update' | 'start';

/** Clients that ask alike, by the first release of each kind: 1.5 asks for `.sign` files too. */
export type Generation = '0.103' | '1.5';

/**
 * What a client asks its mirror for, for one database, in this order. Measured with real clients at the built-in host:
 * test/conf/costs.it.test.ts measures it again, and a test fails for each request that is not here. Through
 * HTTPProxyServer the same requests arrive, each in a tunnel of its own.
 */
export const COSTS: Readonly<Record<Generation, Record<Way, Record<Occasion, readonly Piece[]>>>> = {
  '0.103': {
    DatabaseMirror: { check: ['unchanged'], update: ['header', 'cdiff'], start: ['header', 'cvd'] },
    DNS: { check: [], update: ['cdiff'], start: ['cvd'] },
    PrivateMirror: {
      check: ['missing', 'unchanged'],
      update: ['missing', 'header', 'cvd'],
      start: ['missing', 'header', 'cvd'],
    },
  },
  '1.5': {
    DatabaseMirror: {
      check: ['unchanged'],
      update: ['header', 'cdiff', 'cdiff.sign'],
      start: ['header', 'cvd', 'cvd.sign'],
    },
    DNS: { check: [], update: ['cdiff', 'cdiff.sign'], start: ['cvd', 'cvd.sign'] },
    PrivateMirror: {
      check: ['missing', 'unchanged'],
      update: ['missing', 'header', 'cvd', 'cvd.sign'],
      start: ['missing', 'header', 'cvd', 'cvd.sign'],
    },
  },
};

/**
 * What a client asks for each extra beside that, by `DatabaseCustomURL`, whichever way it takes databases. `unchanged` is what
 * the built-in host says to a client that came well after the publication; to others, and at hosts that compare dates exactly,
 * it is `extra` again.
 */
export const EXTRA_COSTS: Readonly<Record<Occasion, readonly Piece[]>> = {
  check: ['unchanged'],
  update: ['extra'],
  start: ['extra'],
};

/** Bytes of each piece that a database has; `undefined`: unknown. */
export type Sizes = Readonly<Partial<Record<Piece, number>>>;

/**
 * Bytes that are the same for each database, at the built-in host. A host that does not compare dates sends the header,
 * 512 bytes, where nothing has changed.
 */
export const FIXED = { missing: 14, unchanged: 0, header: 512 } as const satisfies Sizes;

export interface Cost {
  readonly requests: number;
  /** Bytes of all bodies; `undefined` if one of them is unknown. */
  readonly bytes: number | undefined;
}

/** Adds up what pieces cost. */
export function costOf(pieces: readonly Piece[], sizes: Sizes): Cost {
  const known: Sizes = { ...FIXED, ...sizes };
  return sumOf(pieces.map((piece) => ({ requests: 1, bytes: known[piece] })));
}

/** Adds costs up. A sum with something unknown in it is unknown. */
export function sumOf(costs: readonly Cost[]): Cost {
  return costs.reduce(
    (sum, { requests, bytes }) => ({
      requests: sum.requests + requests,
      bytes: sum.bytes === undefined || bytes === undefined ? undefined : sum.bytes + bytes,
    }),
    { requests: 0, bytes: 0 },
  );
}
