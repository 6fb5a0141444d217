import { codeOf, explain } from '../../base/errors.ts';
import { type Engine, readsSigns } from '../../engine/engine.ts';
import { findNativeEngine } from '../../engine/native.ts';
import type { Environment } from '../../engine/process.ts';
import type { Proxies } from '../../http/proxies.ts';
import { proxyFor } from '../../http/proxies.ts';
import { type Base, findBases, removeBases } from '../bases.ts';
import { type Finding, Findings } from '../finding.ts';
import { type ClientKind, playClient } from '../real-client.ts';
import { guarded, type Served, type Site } from '../target.ts';

/** Attempts of freshclam in its packaged configuration. */
const AS_PACKAGED = 3;
const KINDS = ['DatabaseMirror', 'PrivateMirror'] as const;

export interface RealClients {
  /** URL as clients have it, with a user and password if there are any. */
  readonly url: string;
  readonly proxies: Proxies;
  /** PATH with the freshclam to use. */
  readonly path: string;
  /** Environment without proxies: each client has the one for this URL in its configuration. */
  readonly environment?: Environment;
  /** Databases whose `.cvd.sign` is served. */
  readonly signed: readonly string[];
  /** Largest file to download, in bytes. */
  readonly maxSize: number;
}

/**
 * Plays clients with the freshclam of this machine: new ones of both kinds, ones that are behind if the mirror's archive has
 * an earlier version, and, from ClamAV 1.5 on, each of them with FIPS limits. Then clamscan must load what they have.
 */
export async function checkWithFreshclam(
  site: Site,
  databases: readonly Served[],
  { url, proxies, path, environment, signed, maxSize }: RealClients,
): Promise<Finding[]> {
  const engine = await findNativeEngine(path, environment).catch((error) => {
    if (codeOf(error)?.startsWith('engine/') !== true) throw error;
    return explain(error);
  });
  if (typeof engine === 'string') {
    return new Findings('mirror', 'freshclam').warning(engine, 'Install ClamAV, or leave --client out').list;
  }
  const findings: Finding[] = [];
  const proxy = proxyFor(url, proxies);
  const play = async (kind: ClientKind, having: readonly Served[]) =>
    void findings.push(
      ...(await playClient(engine, { url, proxy, databases: having, kind, left: () => site.client.left() })),
    );
  for (const option of KINDS) await play({ name: option, option, attempts: 1, fips: false }, databases);
  findings.push(...(await playFips(engine, databases, signed, play)));
  findings.push(...(await playBehind(engine, { site, databases, maxSize }, play)));
  return findings;
}

type Play = (kind: ClientKind, having: readonly Served[]) => Promise<void>;

/** Plays clients with FIPS limits, without the databases that lack a `.cvd.sign`: the check of `.sign` files has those. */
async function playFips(
  engine: Engine,
  databases: readonly Served[],
  signed: readonly string[],
  play: Play,
): Promise<Finding[]> {
  const findings = new Findings('mirror', 'freshclam, FIPS');
  if (!readsSigns(engine))
    return findings.good(`skipped: ClamAV ${engine.version} knows no FIPS limits`).list;
  const having = databases.filter(({ database }) => signed.includes(database));
  if (having.length < databases.length) {
    const lacking = databases.filter((one) => !having.includes(one)).map(({ database }) => database);
    findings.warning(
      `${lacking.join(', ')} left out: without a .cvd.sign, these clients cannot use it`,
      'See the findings on .sign files',
    );
  }
  for (const option of having.length === 0 ? [] : KINDS)
    await play({ name: `${option}, FIPS`, option, attempts: AS_PACKAGED, fips: true }, having);
  return findings.list;
}

/** Plays clients that have an earlier version and update by CDIFFs. */
async function playBehind(
  engine: Engine,
  { site, databases, maxSize }: { site: Site; databases: readonly Served[]; maxSize: number },
  play: Play,
): Promise<Finding[]> {
  const check = 'freshclam, behind';
  let bases: readonly Base[] = [];
  const found = await guarded('mirror', check, async (findings) => {
    bases = await findBases(site, databases, maxSize, findings);
    if (bases.length === 0 && findings.list.length === 0)
      findings.good('skipped: the mirror keeps no earlier version from which CDIFFs lead to the newest');
  });
  try {
    const all = new Map(bases.map((base) => [base.database, base]));
    const having = (of: ReadonlyMap<string, Base>) => databases.filter(({ database }) => of.has(database));
    const kind = { option: 'DatabaseMirror', attempts: AS_PACKAGED } as const;
    if (all.size > 0) await play({ ...kind, name: 'behind', fips: false, bases: all }, having(all));
    if (all.size === 0 || !readsSigns(engine)) return found;
    const readable = new Map([...all].filter(([, { sign }]) => sign !== undefined));
    if (readable.size > 0)
      await play({ ...kind, name: 'behind, FIPS', fips: true, bases: readable }, having(readable));
    if (readable.size === all.size) return found;
    const left = [...all.keys()].filter((name) => !readable.has(name)).join(', ');
    const what = `skipped for ${left}: without an archived .sign, FIPS clients cannot start from the earlier version`;
    return [...found, ...new Findings('mirror', 'freshclam, behind, FIPS').good(what).list];
  } finally {
    await removeBases(bases);
  }
}
