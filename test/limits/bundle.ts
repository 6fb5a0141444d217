import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import {
  BUNDLE_CONTENTS_BYTES,
  BUNDLE_NOTE_BYTES,
  BUNDLE_PIECES,
  BUNDLES,
} from '../../scripts/base/limits/bundle.ts';
import { CONTENTS, CONTENTS_SUM } from '../../scripts/bundle/contents.ts';
import { bundlesOf } from '../../scripts/bundle/grouped.ts';
import { readExported } from '../../scripts/bundle/note.ts';
import { openPieces } from '../../scripts/bundle/pieces.ts';
import { readBundle } from '../../scripts/bundle/read.ts';
import { sumLine } from '../../scripts/bundle/write.ts';
import { encodeTarHeader, paddingOf } from '../../scripts/cvd/container/tar.ts';
import { temporaryFolder } from '../store/support.ts';
import { ends, fails, type Row } from './rows.ts';

export const BUNDLE_LIMITS: Readonly<Record<string, Row>> = {
  BUNDLE_CONTENTS_BYTES: fails('bundle/damaged', async () => {
    const path = join(temporaryFolder(), 'bundle.tar');
    const sum = Buffer.from(sumLine('0'.repeat(64)));
    const size = BUNDLE_CONTENTS_BYTES + 1;
    const start = [
      ...[encodeTarHeader({ name: CONTENTS_SUM, size: sum.length }), sum],
      ...[Buffer.alloc(paddingOf(sum.length)), encodeTarHeader({ name: CONTENTS, size })],
    ];
    await writeFile(path, Buffer.concat(start));
    await readBundle({ name: 'bundle.tar', paths: [path] }, temporaryFolder());
  }),
  BUNDLE_PIECES: fails('bundle/piece', async () => {
    await using pieces = openPieces(join(temporaryFolder(), 'bundle.tar'), 1);
    await pieces.write(Buffer.alloc(BUNDLE_PIECES + 1));
  }),
  BUNDLES: ends('no import', () => {
    const many = (count: number) => bundlesOf(Array.from({ length: count }, (_, at) => `${at}.tar`));
    expect(many(BUNDLES)).toHaveLength(BUNDLES);
    expect(() => many(BUNDLES + 1)).toThrow(/too many/);
  }),
  BUNDLE_NOTE_BYTES: fails('bundle/since', async () => {
    const work = join(temporaryFolder(), 'work');
    await mkdir(work);
    await writeFile(join(work, 'exported.json'), '{}');
    await truncate(join(work, 'exported.json'), BUNDLE_NOTE_BYTES + 1);
    await readExported(work);
  }),
};
