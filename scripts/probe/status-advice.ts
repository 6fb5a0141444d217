import { type Findings, listed } from './finding.ts';

/** What a status means to freshclam that should be 200 or 404 (clamav-formats.md §0.3, §6). */
export function statusFault(findings: Findings, status: number, names: readonly string[]): Findings {
  const [harm, advice] = meaningOf(status);
  return findings.fault(`${status} for ${listed(names)}: ${harm}`, advice);
}

function meaningOf(status: number): readonly [harm: string, advice: string] {
  switch (status) {
    case 403:
      return ['freshclam stops and asks nothing more for 24 hours', FORBIDDEN];
    case 401:
    case 407:
      return [
        'the host wants a password',
        'Name a user in the URL of the client, or let this address in without one',
      ];
    case 429:
      return [
        'freshclam stops and asks nothing more for as long as Retry-After says, else 4 hours',
        'Raise the request limit, or let it answer 503, which freshclam tries again',
      ];
    case 200:
    case 206:
      return [
        'a page stands in for what is missing, and clients take it for a file',
        'Answer 404 where there is no file: switch off the error page or the fallback to index.html',
      ];
    default:
      return status >= 500
        ? ['the host fails', 'Look into the log of the host']
        : ['freshclam knows 200, 206, 304 and 404 only', 'Answer 404 where there is no file'];
  }
}

const FORBIDDEN =
  'Missing must be 404. On S3: let the reader (or CloudFront) s3:ListBucket the bucket and s3:GetObject what is in it; elsewhere: mend the access rule';
