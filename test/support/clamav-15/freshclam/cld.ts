import { chownSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { encodeTarHeader, paddingOf, TarReader } from '../../../../scripts/cvd/container/tar.ts';
import { HEADER_SIZE } from '../../../../scripts/cvd/header.ts';

/** Puts files into a CLD, in the place of those of the same name: between the others, as 1.5 leaves them. */
export function leaveInCld(path: string, left: ReadonlyMap<string, Buffer>): void {
  const bytes = readFileSync(path);
  const body = bytes.subarray(HEADER_SIZE);
  const isPacked = body[0] === 0x1f;
  const files = readTar(isPacked ? gunzipSync(body) : body);
  for (const [name, data] of left) files.set(name, data);
  const [copying, info, ...others] = [...files];
  const all = [copying, info, ...others.sort(([a], [b]) => (reversed(a) < reversed(b) ? -1 : 1))];
  const tar = Buffer.concat(
    all.flatMap((file) => {
      if (file === undefined) return [];
      const [name, data] = file;
      return [encodeTarHeader({ name, size: data.length }), data, Buffer.alloc(paddingOf(data.length))];
    }),
  );
  const { uid, gid, mode } = statSync(path);
  const temporary = `${path}.15`;
  writeFileSync(temporary, Buffer.concat([bytes.subarray(0, HEADER_SIZE), isPacked ? gzipSync(tar) : tar]), {
    mode,
  });
  chownSync(temporary, uid, gid);
  renameSync(temporary, path);
}

function readTar(tar: Uint8Array): Map<string, Buffer> {
  const files = new Map<string, Buffer[]>();
  let current: Buffer[] = [];
  const reader = new TarReader({
    entry: ({ name }) => {
      current = [];
      files.set(name, current);
    },
    data: (chunk) => void current.push(Buffer.from(chunk)),
  });
  reader.write(tar);
  reader.end();
  return new Map([...files].map(([name, chunks]) => [name, Buffer.concat(chunks)]));
}

/** An order that is neither ours nor the alphabet's: that of a folder on a disk is anything. */
function reversed(name: string): string {
  return [...name].reverse().join('');
}
