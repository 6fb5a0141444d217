import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TRIAL_MS } from '../base/limits/engines.ts';
import { type Engine, EngineError, run, type Tool } from './engine.ts';

/** Tool that may not read its own files in a folder, although its caller may. */
export interface Confined {
  readonly tool: Tool;
  readonly folder: string;
  /** Message of the tool. */
  readonly said: string;
}

/**
 * Requires that a native freshclam and clamd may read in the folders of a proof. On Debian and Ubuntu AppArmor forbids
 * it by default, and then every scenario fails; so it is checked before any download. Throws `engine/confined`.
 */
export async function requireUnconfined(engine: Asked, work: string): Promise<void> {
  const confined = await findConfined(engine, work);
  if (confined === undefined) return;
  const { tool, folder, said } = confined;
  throw new EngineError('engine/confined', `${tool} may not read in ${folder}: ${said}`, {
    advice: adviceOn(confined, work),
  });
}

/** Finds the first tool that may not read in the work folder or in the temporary folder, where sockets are. */
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

/** Message of freshclam and clamd about a file that they cannot open (freshclam/freshclam.c, clamd/clamd.c). */
const UNREADABLE = /^.*Can't open\/parse the config file.*$/m;

async function refusalOf(engine: Asked, tool: Tool, folder: string): Promise<string | undefined> {
  const trial = await mkdtemp(join(folder, '.tmp-clamav-trial-'));
  try {
    await writeFile(join(trial, CONF_NAME), '');
    const args = (at: string) => [`--config-file=${at}/${CONF_NAME}`, '--version'];
    const { output } = await run(engine, { tool, folder: trial, args, timeout: TRIAL_MS.confinement });
    return UNREADABLE.exec(output)?.[0].trim();
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}

const CONF_NAME = 'empty.conf';

/** Profiles of Debian and Ubuntu for these tools (as of ClamAV 1.4). */
const PROFILES: Readonly<Partial<Record<Tool, string>>> = {
  freshclam: 'usr.bin.freshclam',
  clamd: 'usr.sbin.clamd',
};

function adviceOn({ tool, folder }: Confined, work: string): string {
  const profile = PROFILES[tool] ?? tool;
  const below = folder === work ? 'a work folder below /tmp (--work)' : 'a folder below /tmp as TMPDIR';
  return (
    `AppArmor or SELinux confines it. By default, Debian and Ubuntu let freshclam work below /tmp, /var/tmp and /var/lib/clamav, and clamd below /tmp and /var/lib/clamav. ` +
    `Choose ${below}. Or add the line  "${folder}/**" rwk,  to /etc/apparmor.d/local/${profile} and load it (apparmor_parser -r /etc/apparmor.d/${profile}). ` +
    'Or prove in a container (--engines docker:IMAGE)'
  );
}
