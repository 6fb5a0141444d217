import pLimit from 'p-limit';
import { cdiffName } from '../../cvd/names.ts';
import { sizeOf } from '../content-range.ts';
import { type Finding, type Findings, listed, quoted } from '../finding.ts';
import type { ProbeClient } from '../http-client.ts';
import { guarded, type Served, type Site } from '../target.ts';

/** Requests at once. */
const REQUESTS_AT_ONCE = 4;
/** Bytes of a CDIFF that are read: the start of its header, `ClamAV-Diff:28001:`. */
const START_SIZE = 64;

/** A CDIFF as a client finds it: its size in bytes (0 is legal: clients then take the CVD), or why it is unusable. */
type Found = { readonly size: number | undefined } | 'missing' | { readonly problem: string };

/** Result of checking the CDIFFs that lead to the served version. */
export interface Chain {
  readonly findings: Finding[];
  /** Sizes in bytes of those that are there, by version in ascending order. */
  readonly sizes: ReadonlyMap<number, number | undefined>;
}

/**
 * Checks that the last `count` CDIFFs form a chain without gaps. The manifest of a mirror of ours says how far back it goes.
 * On other mirrors older ones may be missing, but not between two that are there.
 */
export async function checkCdiffs(site: Site, { database, header }: Served, count: number): Promise<Chain> {
  const window = site.manifest?.databases[database]?.cdiffs;
  const promised = window?.last === header.version ? window.first : undefined;
  const first = Math.max(promised ?? 2, header.version - count + 1, 2);
  const versions = Array.from(
    { length: Math.max(0, header.version - first + 1) },
    (_, index) => first + index,
  );
  const sizes = new Map<number, number | undefined>();
  const findings = await guarded(database, 'cdiffs', async (found) => {
    if (site.manifest?.databases[database]?.cdiffs === null || versions.length === 0) {
      found.good('the mirror has none');
      return;
    }
    const limit = pLimit(REQUESTS_AT_ONCE);
    const answers = await limit.map(versions, (version) =>
      find(site.client, cdiffName(database, version), version),
    );
    const missing: number[] = [];
    for (const [index, version] of versions.entries()) {
      const answer = answers[index] ?? 'missing';
      if (answer === 'missing') missing.push(version);
      else if ('problem' in answer)
        found.fault(answer.problem, 'Publish this CDIFF again: clients behind it cannot get past it');
      else sizes.set(version, answer.size);
    }
    judgeGaps(database, { sizes, missing, promised }, found);
  });
  return { findings, sizes };
}

interface Steps {
  readonly sizes: Chain['sizes'];
  readonly missing: readonly number[];
  /** First version that the manifest names. */
  readonly promised: number | undefined;
}

function judgeGaps(database: string, { sizes, missing, promised }: Steps, findings: Findings): void {
  const [oldest] = sizes.keys();
  const gaps = missing.filter(
    (version) => promised !== undefined || (oldest !== undefined && version > oldest),
  );
  if (gaps.length > 0) {
    findings.fault(
      `the chain has a gap: ${listed(gaps.map((version) => cdiffName(database, version)))} ${gaps.length === 1 ? 'is' : 'are'} missing`,
      'Publish what is missing: clients behind a gap load whole databases, or stay behind',
    );
  } else if (oldest === undefined && findings.list.length === 0) {
    findings.warning(
      'there are none: every update is a full download',
      'Keep the CDIFFs of the last 30 versions beside the CVD',
    );
  } else if (findings.list.length === 0) {
    const empty = [...sizes.values()].filter((size) => size === 0).length;
    findings.good(
      `${sizes.size} without a gap from ${oldest}${empty === 0 ? '' : `, ${empty} of them empty: clients take the CVD`}`,
    );
  }
}

async function find(client: ProbeClient, name: string, version: number): Promise<Found> {
  const answer = await client.ask(name, {
    headers: { range: `bytes=0-${START_SIZE - 1}` },
    keep: START_SIZE,
  });
  const { status, body } = answer;
  if (status === 404 || status === 410) return 'missing';
  if (status === 416)
    return (await isEmpty(client, name)) ? { size: 0 } : { problem: `416 for the start of ${name}` };
  if (status !== 200 && status !== 206) return { problem: `${status} for ${name}` };
  const size = sizeOf(answer);
  if (body.length === 0 && size === 0 && answer.ended === 'whole') return { size };
  if (answer.ended === 'cut') return { problem: `${name} breaks off after ${body.length} bytes` };
  const start = body.toString('latin1');
  if (start.startsWith(`ClamAV-Diff:${version}:`)) return { size };
  return { problem: `${name} starts with ${quoted(start.slice(0, 24))}, not with ClamAV-Diff:${version}:` };
}

/** True if a file is empty: a host has no part of it to send. */
async function isEmpty(client: ProbeClient, name: string): Promise<boolean> {
  const { status, header } = await client.ask(name, { method: 'HEAD', keep: 0 });
  return status === 200 && header('content-length') === '0';
}
