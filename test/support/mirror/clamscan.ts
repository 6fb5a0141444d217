import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, run } from '../../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../../scripts/engine/native.ts';

/** What real clamscan, with everything in a database folder, says of each sample: `OK`, or the name of what it finds. */
export async function clamscan(
  databases: string,
  samples: Readonly<Record<string, Uint8Array | string>>,
  given?: Engine,
): Promise<Record<string, string>> {
  const engine = given ?? (await findNativeEngine(process.env.PATH ?? ''));
  const folder = await mkdtemp(join(tmpdir(), 'scanned-'));
  try {
    await cp(databases, join(folder, 'db'), { recursive: true });
    await mkdir(join(folder, 'samples'));
    for (const [name, bytes] of Object.entries(samples))
      await writeFile(join(folder, 'samples', name), bytes);
    const args = (at: string) => [`--database=${at}/db`, '--no-summary', `${at}/samples`];
    const { output } = await run(engine, { tool: 'clamscan', folder, args, timeout: 60_000 });
    const says = (name: string) =>
      new RegExp(`/${name}: (.*?)(?: FOUND)?$`, 'm').exec(output)?.[1] ?? `nothing: ${output}`;
    return Object.fromEntries(Object.keys(samples).map((name) => [name, says(name)]));
  } finally {
    await rm(folder, { recursive: true });
  }
}
