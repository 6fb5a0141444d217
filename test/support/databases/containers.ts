import { CdiffReader } from '../../../scripts/cvd/cdiff/reader.ts';
import { CvdReader } from '../../../scripts/cvd/container/reader.ts';
import type { CvdHeader } from '../../../scripts/cvd/header.ts';

/** All of a CVD or CLD, in memory. */
export function readContainer(bytes: Uint8Array): {
  header: CvdHeader | undefined;
  files: Map<string, Buffer>;
} {
  let header: CvdHeader | undefined;
  const files = new Map<string, Buffer>();
  let current = '';
  const reader = new CvdReader({
    header: (found) => {
      header = found;
    },
    entry: ({ name }) => {
      current = name;
      files.set(name, Buffer.alloc(0));
    },
    data: (chunk) => files.set(current, Buffer.concat([files.get(current) ?? Buffer.alloc(0), chunk])),
  });
  reader.write(bytes);
  reader.end();
  return { header, files };
}

/** The script inside a CDIFF. */
export function scriptOf(cdiff: Buffer): Buffer {
  const chunks: Buffer[] = [];
  const reader = new CdiffReader({ header: () => {}, script: (chunk) => chunks.push(Buffer.from(chunk)) });
  reader.write(cdiff);
  reader.end();
  return Buffer.concat(chunks);
}
