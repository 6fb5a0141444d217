import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { VERSION_CHECK_ANSWER_MS, VERSION_CHECK_CONNECT_MS } from '../base/limits/doctor.ts';
import { SILENT } from '../base/log.ts';
import { State } from '../cycle/memory/state.ts';
import { STATE_FILE } from '../cycle/memory/state-files.ts';
import { copyRegular } from '../files/open.ts';
import { Agents } from '../http/agents.ts';
import { advertise } from '../upstream/advertise.ts';
import { CoolDownGuard } from '../upstream/cool-down.ts';
import { UpstreamClient } from '../upstream/http-client.ts';
import type { Patience } from '../upstream/pace.ts';
import type { Asked, DoctorContext } from './context.ts';

const PATIENCE: Partial<Patience> = { ...VERSION_CHECK_ANSWER_MS, attempts: 1, pause: 0 };

type Context = Pick<DoctorContext, 'settings' | 'testFolders' | 'trust' | 'now'>;

/**
 * Asks upstream as a run does, once: for the first bytes of one database, and for nothing while a cool-down is on. Neither
 * that nor a new one is remembered.
 */
export async function askUpstream(
  url: string,
  { settings, testFolders, trust, now }: Context,
): Promise<Asked> {
  const { databases, work, proxies, userAgent } = settings.sync;
  const [database = 'daily'] = databases;
  const state = await stateFor(work, (await testFolders.anywhere(work)).folder, now());
  let ahead: number | undefined;
  await using agents = new Agents(url, proxies, { timeout: VERSION_CHECK_CONNECT_MS });
  const client = new UpstreamClient({
    url,
    userAgent: userAgent(state.uuid),
    agents,
    coolDown: new CoolDownGuard(state.coolDownOf(url), now),
    patience: PATIENCE,
    onAnswer: (header) => {
      ahead = timeBy(header) - now().getTime();
    },
  });
  const offered = await advertise(database, undefined, {
    client,
    record: undefined,
    trust,
    log: SILENT,
  }).then(
    (found) => (found.isNew ? found.offer.header.version : (found.seen ?? 0)),
    (error: unknown) => ({ error }),
  );
  return { database, offered, ahead: Number.isNaN(ahead) ? undefined : ahead };
}

/** Loads a copy of a run's state, so that nothing is saved in the original. */
async function stateFor(work: string, testFolder: string, now: Date): Promise<State> {
  await copyRegular(join(work, STATE_FILE), join(testFolder, STATE_FILE)).catch((error) => {
    if (!NO_STATE.includes(codeOf(error) ?? '')) throw error;
  });
  return await State.load(testFolder, now);
}

const NO_STATE = ['ENOENT', 'ENOTDIR', 'EACCES', 'file/not-regular'];

/** Time by the answer's headers: a cache sends the time at which the answer was made, and its age. */
function timeBy(header: (name: string) => string | undefined): number {
  return Date.parse(header('date') ?? '') + 1000 * Number(header('age') ?? 0);
}
