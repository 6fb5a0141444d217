import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Allowed } from '../../../scripts/mirror/extras.ts';
import { encodeManifest, parseManifest } from '../../../scripts/mirror/manifest.ts';
import { extraRecord, extrasOf } from '../../mirror/extras.ts';
import { SigtoolFolder } from '../clamav/sigtool.ts';
import { official } from '../setup/official.ts';

/** Publishes extras in a store in the place of those that it has, as a cycle leaves them; `at` is the time that they tell. */
export async function publishExtras(
  store: string,
  files: Readonly<Record<string, string>>,
  { allowed = [], at }: { readonly allowed?: readonly Allowed[]; readonly at?: Date } = {},
): Promise<void> {
  const path = join(store, 'manifest.json');
  const manifest = parseManifest(await readFile(path, 'utf8'), store);
  for (const name of Object.keys(manifest.extras?.files ?? {})) await rm(join(store, name));
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(store, name), text);
    if (at !== undefined) await utimes(join(store, name), at, at);
  }
  const records = Object.fromEntries(
    Object.entries(files).map(([name, text]) => [name, extraRecord(text)] as const),
  );
  await writeFile(path, encodeManifest({ ...manifest, extras: extrasOf(records, allowed) }));
}

/** A signature of database `test` that is not EICAR's. */
export const SOBIG = 'Win.Worm.Sobig-1';

/** Bytes in which ClamAV finds `SOBIG`: nothing but its pattern. */
export function sobig(): Buffer {
  using folder = new SigtoolFolder();
  folder.run(`--unpack=${official('test-6.cvd')}`);
  const lines = folder.read().get('test.ndb')?.toString('latin1').split('\n') ?? [];
  const [, , , pattern = ''] = lines.find((line) => line.startsWith(`${SOBIG}:`))?.split(':') ?? [];
  return Buffer.from(pattern, 'hex');
}

/** Line of an `.ndb` that finds a text in any file. */
export function textSignature(name: string, text: string): string {
  return `${name}:0:*:${Buffer.from(text).toString('hex')}\n`;
}
