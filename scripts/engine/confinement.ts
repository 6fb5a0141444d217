import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TRIAL_MS } from '../base/limits/engines.ts';
import { type Engine, EngineError, run, type Tool } from './engine.ts';

/** A tool that may not read what it is given in a folder, though whoever starts it may. */
export interface Confined {
  readonly tool: Tool;
  readonly folder: string;
  /** What it said. */
  readonly said: string;
}

/**
 * Throws `engine/confined` if a native freshclam or clamd may not read in the folders that a proof gives it: AppArmor does
 * that by default on Debian and Ubuntu. Asked before anything is downloaded, since then every scenario fails.
 */
export async function requireUnconfined(engine: Asked, work: string): Promise<void> {
  const confined = await findConfined(engine, work);
  if (confined === undefined) return;
  const { tool, folder, said } = confined;
  throw new EngineError('engine/confined', `${tool} may not read in ${folder}: ${said}`, {
    advice: adviceOn(confined, work),
  });
}

/** The first tool that may not read in the work folder or among the temporary files, where sockets are. */
export async function findConfined(engine: Asked, work: string): Promise<Confined | undefined> {
  for (const tool of ['freshclam', 'clamd'] as const) {
    if (!engine.tools.has(tool)) continue;
    for (const folder of new Set([work, ...(tool === 'clamd' ? [tmpdir()] : [])])) {
      const said = await refusalOf(engine, tool, folder);
      if (said !== undefined) return { tool, folder, said };
    }
  }
  return undefined;
}

type Asked = Pick<Engine, 'start' | 'tools'>;

/** Of freshclam and clamd, for any file that they cannot open (freshclam/freshclam.c, clamd/clamd.c). */
const UNREADABLE = /^.*Can't open\/parse the config file.*$/m;

async function refusalOf(engine: Asked, tool: Tool, folder: string): Promise<string | undefined> {
  const trial = await mkdtemp(join(folder, '.tmp-clamav-trial-'));
  try {
    await writeFile(join(trial, CONF), '');
    const args = (at: string) => [`--config-file=${at}/${CONF}`, '--version'];
    const { output } = await run(engine, { tool, folder: trial, args, timeout: TRIAL_MS.confinement });
    return UNREADABLE.exec(output)?.[0].trim();
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}

const CONF = 'empty.conf';

/** The profiles that Debian and Ubuntu ship, and where each lets its program work (as of ClamAV 1.4). */
const PROFILES: Readonly<Partial<Record<Tool, string>>> = {
  freshclam: 'usr.bin.freshclam',
  clamd: 'usr.sbin.clamd',
};

function adviceOn({ tool, folder }: Confined, work: string): string {
  const profile = PROFILES[tool] ?? tool;
  const below = folder === work ? 'a work folder below /tmp (--work)' : 'a folder below /tmp as TMPDIR';
  return (
    `AppArmor (or SELinux) confines it, as Debian and Ubuntu do by default: freshclam works below /tmp, /var/tmp and /var/lib/clamav, clamd below /tmp and /var/lib/clamav. ` +
    `Choose ${below}; or add the line  "${folder}/**" rwk,  to /etc/apparmor.d/local/${profile} and load it (apparmor_parser -r /etc/apparmor.d/${profile}); ` +
    'or prove in a container (--engines docker:IMAGE)'
  );
}
