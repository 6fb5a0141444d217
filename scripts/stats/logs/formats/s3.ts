import { type Access, accept, countIn, type Outcome } from '../access.ts';
import { agentOf, commonSeconds, quoteAfter } from './common.ts';

/** Operations of readers; all others are the publisher's, or the bucket's own. */
const READS = /^(?:REST|WEBSITE)\.(GET|HEAD)\.OBJECT$/;

/**
 * Reads a line of S3's server access log. Requests with credentials are those of the mirror itself and count as no
 * client's, but for CloudFront's: whoever logs both should read CloudFront's log.
 */
export function parseS3(line: string, into: Access): Outcome {
  const open = line.indexOf(' [');
  const close = line.indexOf('] ', open);
  const quote = line.indexOf(' "', close);
  if (open === -1 || close === -1 || quote === -1) return 'form';
  const [address = '', requester, , operation = '', key] = line.slice(close + 2, quote).split(' ', 6);
  const requestEnd = quoteAfter(line, quote + 2);
  if (key === undefined || requestEnd === -1) return 'form';
  const [, method] = READS.exec(operation) ?? [];
  if (method === undefined || requester !== '-')
    return /^[A-Z0-9]+\.[A-Z0-9_.]+$/.test(operation) ? 'other' : 'form';
  const [status = '', , bytes = '', , , , ...rest] = line.slice(requestEnd + 2).split(' ', 7);
  if (rest.length === 0) return 'form';
  const refererAt = line.indexOf(' "', requestEnd + 2);
  const refererEnd = refererAt === -1 ? -1 : quoteAfter(line, refererAt + 2);
  const agentEnd = refererEnd === -1 ? -1 : quoteAfter(line, refererEnd + 3);
  const agent = agentEnd === -1 ? '' : agentOf(line.slice(refererEnd + 3, agentEnd));
  const seconds = commonSeconds(line.slice(open + 2, close));
  return accept(
    into,
    { address, method, target: `/${key}`, agent },
    seconds,
    countIn(status),
    countIn(bytes),
  );
}
