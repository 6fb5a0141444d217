import { type Finding, Findings, quoted } from '../finding.ts';
import type { Answer } from '../http-client.ts';
import { statusFault } from '../status-advice.ts';
import { guarded, type Served, type Site } from '../target.ts';
import { judgeLastModified } from './conditional.ts';

/** Checks the headers of a full download and of HEAD. Bodies are not read. */
export async function checkWhole(site: Site, served: Served): Promise<Finding[]> {
  const { name, database, size, header } = served;
  const [modified, encoding] = [new Findings(database, 'last-modified'), new Findings(database, 'encoding')];
  const download = await guarded(database, 'download', async (findings) => {
    const answer = await site.client.ask(name, { keep: 0 });
    if (answer.status !== 200) {
      statusFault(findings, answer.status, [name]);
      return;
    }
    judgeLength(answer, size, findings);
    judgeLastModified(answer.header('last-modified'), header.stime, modified);
    await judgeEncoding(site, name, answer, encoding);
  });
  return [...download, ...modified.list, ...encoding.list, ...(await checkHead(site, served))];
}

function judgeLength(answer: Answer, size: number | undefined, findings: Findings): void {
  const length = answer.header('content-length');
  if (length === undefined) {
    findings.warning('no Content-Length', 'Send one, so that clients notice a download that breaks off');
  } else if (size !== undefined && Number(length) !== size) {
    findings.fault(
      `Content-Length ${quoted(length)}, but Content-Range says ${size} bytes`,
      'Serve one file under this name on every node and in every cache',
    );
  } else findings.good(`Content-Length ${length}`);
}

async function judgeEncoding(
  { client }: Site,
  name: string,
  plain: Answer,
  findings: Findings,
): Promise<void> {
  const always = encodingOf(plain);
  const accepted = encodingOf(
    await client.ask(name, { headers: { 'accept-encoding': 'gzip, deflate, br' }, keep: 0 }),
  );
  if (always === undefined && accepted === undefined) {
    findings.good('none, even where gzip is accepted');
    return;
  }
  findings.fault(
    `Content-Encoding ${quoted(always ?? accepted)}${always === undefined ? ' where gzip is accepted' : ''}`,
    'Switch compression off (nginx: gzip off): freshclam never decodes it, and a cache may keep it for everybody',
  );
}

function encodingOf(answer: Answer): string | undefined {
  const encoding = answer.header('content-encoding');
  return encoding === 'identity' ? undefined : encoding;
}

async function checkHead({ client }: Site, { name, database, size }: Served): Promise<Finding[]> {
  return await guarded(database, 'head', async (findings) => {
    const { status, header } = await client.ask(name, { method: 'HEAD', keep: 0 });
    const length = header('content-length');
    if (status === 200 && (size === undefined || Number(length) === size))
      findings.good('200 with the length');
    else {
      findings.warning(
        status === 200 ? `200 with Content-Length ${quoted(length)}` : `${status}`,
        'Let the host answer HEAD: monitors and caches use it, although freshclam does not',
      );
    }
  });
}
