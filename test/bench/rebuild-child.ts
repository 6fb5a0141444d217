import { parseHeader } from '../../scripts/cvd/header.ts';
import { readStart } from '../../scripts/files/verify.ts';
import { rebuildCvd } from '../../scripts/rebuild/rebuild-cvd.ts';
import { report, trustFromJson } from './support.ts';

/** Rebuilds one version once for each output, all at the same time. */
const { old, next, cdiff, keys, outputs } = JSON.parse(process.argv[2] ?? '');
const start = await readStart(next, 522);
const header = parseHeader(start.subarray(0, 512));
const gzipHeader = Uint8Array.from(start.subarray(512));
const trust = trustFromJson(keys);
await report(async () => {
  const cdiffs = [{ version: header.version, path: cdiff }];
  await Promise.all(
    outputs.map((output: string) =>
      rebuildCvd({ database: 'daily', old, cdiffs, header, gzipHeader, output }, trust),
    ),
  );
  return {};
});
