import { type Part, wrongPart } from '../content-range.ts';
import type { Finding, Findings } from '../finding.ts';
import type { Answer } from '../http-client.ts';
import { guarded, type Served, type Site } from '../target.ts';
import { RANGE_ADVICE } from './version.ts';

/** Parts to ask for, in bytes. */
const MIDDLE = { from: 256, to: 767 };
const SUFFIX_SIZE = 16;

/** Checks the parts that a resumed download or a caching proxy asks for, unless the host ignores Range altogether. */
export async function checkRanges(site: Site, served: Served): Promise<Finding[]> {
  const { size, ranged, database } = served;
  if (!ranged || size === undefined || size <= MIDDLE.to) return [];
  const parts = await guarded(database, 'range', async (findings) => {
    const [middle, suffix] = [await checkMiddle(site, served, size), await checkSuffix(site, served, size)];
    const beyond = await checkBeyond(site, served, size);
    for (const { fault } of [middle, suffix, beyond])
      if (fault !== undefined) findings.fault(fault, RANGE_ADVICE);
    for (const { warning } of [middle, suffix, beyond]) {
      if (warning !== undefined)
        findings.warning(
          warning,
          'Prefer a host that answers 206: downloads from this one cannot be resumed',
        );
    }
    if (findings.list.length === 0)
      findings.good('parts in the middle and at the end are right, 416 beyond it');
  });
  return [
    ...parts,
    ...(await guarded(database, 'if-range', (findings) => checkIfRange(site, served, findings))),
  ];
}

interface Problem {
  readonly fault?: string;
  readonly warning?: string;
}

async function checkMiddle(site: Site, { name, head }: Served, size: number): Promise<Problem> {
  const range = `bytes=${MIDDLE.from}-${MIDDLE.to}`;
  const answer = await ask(site, name, range);
  const problem = judge(range, answer, { ...MIDDLE, size });
  const known = head.subarray(MIDDLE.from);
  if (problem !== undefined || known.equals(answer.body.subarray(0, known.length))) return problem ?? {};
  return { fault: `${range} gives other bytes than the header has there` };
}

async function checkSuffix(site: Site, { name }: Served, size: number): Promise<Problem> {
  const [from, to] = [size - SUFFIX_SIZE, size - 1];
  const suffix = await ask(site, name, `bytes=-${SUFFIX_SIZE}`);
  const problem = judge(`bytes=-${SUFFIX_SIZE}`, suffix, { from, to, size });
  if (problem !== undefined) return problem;
  const explicit = await ask(site, name, `bytes=${from}-${to}`);
  if (explicit.body.equals(suffix.body)) return {};
  return { fault: `bytes=-${SUFFIX_SIZE} and bytes=${from}-${to} give different bytes` };
}

async function checkBeyond(site: Site, { name }: Served, size: number): Promise<Problem> {
  const { status } = await ask(site, name, `bytes=${size}-`);
  if (status === 416) return {};
  const what = `${status} for a range beyond the end, not 416`;
  return status === 200 ? { warning: what } : { fault: what };
}

/** Checks that a host sends the whole file if the date is not its exact Last-Modified (RFC 9110 §13.1.5). */
async function checkIfRange({ client }: Site, { name }: Served, findings: Findings): Promise<void> {
  const headers = { range: 'bytes=0-511', 'if-range': 'Thu, 01 Jan 1970 00:00:00 GMT' };
  const { status } = await client.ask(name, { headers, keep: 0 });
  if (status === 200) findings.good('a resumed download starts over once the file has changed');
  else {
    findings.warning(
      `${status}, not 200, for a part of a file that has changed`,
      'Prefer a host that knows If-Range. Here a resumed download can mix two versions, which its signature then shows',
    );
  }
}

async function ask({ client }: Site, name: string, range: string): Promise<Answer> {
  return await client.ask(name, { headers: { range }, keep: 4096 });
}

function judge(range: string, answer: Answer, wanted: Part): Problem | undefined {
  if (answer.status === 200) return { warning: `${range} gives the whole file` };
  if (answer.status !== 206) return { fault: `${answer.status} for ${range}` };
  const wrong = wrongPart(answer, wanted);
  return wrong === undefined ? undefined : { fault: `a wrong answer to Range: ${range}: ${wrong}` };
}
