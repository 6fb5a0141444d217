import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTemporaryFolder } from '../files/private-folder.ts';
import { type Engine, EngineError } from './engine.ts';
import { requireNoLack } from './shortages.ts';

/** Highest functionality level that is tried: no engine has a higher one. */
const HIGHEST_F_LEVEL = 2000;

/**
 * Asks the clamscan of an engine for its version and functionality level. No program prints the level, so it is
 * counted: of signatures that each require another level, an engine loads those up to its own (libclamav/readdb.c,
 * `load_oneldb`: "Engine"). Throws `engine/broken`.
 */
export async function describeEngine(start: Engine['start']): Promise<Pick<Engine, 'version' | 'fLevel'>> {
  const folder = await makeTemporaryFolder('clamav-mirror-engine-');
  try {
    await writeFile(join(folder, 'levels.ldb'), levels());
    await writeFile(join(folder, 'nothing'), '');
    const program = await start({
      tool: 'clamscan',
      folder,
      args: (at) => [`--database=${at}/levels.ldb`, `${at}/nothing`],
      timeout: 60_000,
    });
    const ended = await program.ended;
    const { output } = ended;
    const version = /^Engine version: (\d+\.\d+\S*)$/m.exec(output)?.[1];
    const fLevel = Number(/^Known viruses: (\d+)$/m.exec(output)?.[1]);
    if (version !== undefined && fLevel > 0) return { version, fLevel };
    requireNoLack({ name: 'clamscan' }, ended);
    throw new Error(`clamscan answered ${JSON.stringify(output.trim().slice(-300))}`);
  } catch (cause) {
    throw new EngineError('engine/broken', 'clamscan cannot tell its version', { cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function levels(): string {
  const lines: string[] = [];
  for (let level = 1; level <= HIGHEST_F_LEVEL; level++) {
    const bytes = level.toString(16).padStart(8, '0');
    lines.push(`FLevel.${level};Engine:${level}-65535,Target:0;0;636c616d${bytes}`);
  }
  return `${lines.join('\n')}\n`;
}
