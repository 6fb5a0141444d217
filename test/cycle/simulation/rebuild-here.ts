import { closeSync, openSync, writeSync } from 'node:fs';
import { CvdWriter } from '../../../scripts/cvd/container/writer.ts';
import { Rebuild } from '../../../scripts/cvd/rebuild.ts';
import { chunksOfSync } from '../../../scripts/files/open.ts';
import { asVerdict } from '../../../scripts/files/verify.ts';
import type { rebuildCvd } from '../../../scripts/rebuild/rebuild-cvd.ts';
import { VerifyError } from '../../../scripts/verify/error.ts';
import { verifyRebuilt } from '../../../scripts/verify/rebuilt.ts';

const NAMED = { follow: true };

/** The rebuild by the same modules in this thread: two threads for each of a thousand tiny CVDs would take an hour. */
export const rebuildHere: typeof rebuildCvd = async (
  { database, old, cdiffs, header, gzipHeader, output },
  trust,
) => {
  const rebuild = new Rebuild({
    ...{ database, header, old: () => chunksOfSync(old, NAMED) },
    cdiffs: cdiffs.map(({ version, path }) => ({ version, bytes: chunksOfSync(path, NAMED) })),
  });
  const file = openSync(output, 'w');
  const writer = new CvdWriter(header, gzipHeader, (bytes) => void writeSync(file, bytes));
  for (const chunk of rebuild.tar('info')) writer.write(chunk);
  const totals = writer.end();
  closeSync(file);
  if (totals.md5 !== header.md5) throw new VerifyError('verify/mismatch', 'it is another CVD');
  return asVerdict(() => verifyRebuilt(database, header, rebuild.info, totals, trust));
};
