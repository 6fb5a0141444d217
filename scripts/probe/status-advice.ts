import { type Findings, listed } from './finding.ts';

/** Adds the fault of a status other than 200 or 404: its effect on freshclam (clamav-formats.md §0.3, §6). */
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
        'Put a user and password into the URL of the client, or let this address in without them',
      ];
    case 429:
      return [
        'freshclam stops and asks nothing more for as long as Retry-After says, else 4 hours',
        'Raise the request limit, or let it answer 503, which freshclam tries again',
      ];
    case 200:
    case 206:
      return [
        'a page replaces the missing file, and clients take it for the file',
        'Answer 404 where there is no file: switch off the error page or the fallback to index.html',
      ];
    default:
      return status >= 500
        ? ['the host fails', 'Read the log of the host']
        : ['freshclam knows 200, 206, 304 and 404 only', 'Answer 404 where there is no file'];
  }
}

const FORBIDDEN =
  'Answer 404 for a missing file. On S3, grant the reader (or CloudFront) s3:ListBucket on the bucket and s3:GetObject on its objects. Elsewhere, correct the access rule';
