import { copyFile, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { startHost } from '../../scripts/host/host.ts';
import { writeBigDatabase } from '../support/databases/big-database.ts';
import { makeTestKeys } from '../support/databases/signing.ts';
import { keysToJson, type Measured, measure, say, withFolder } from './support.ts';

interface CycleRun extends Measured {
  readonly outcome: string;
  readonly how: string;
  readonly upstreamBytes: number;
  readonly requests: number;
}

/** A large CVD through download, verification and publication, then a step of one version through a rebuild. */
export async function cycle(): Promise<void> {
  await withFolder(async (folder) => {
    const [first, second] = await writeBigDatabase(folder, 'daily', { share: 1, steps: ['day'] });
    if (first === undefined || second?.cdiff === undefined) throw new Error('no chain');
    const upstream = join(folder, 'upstream');
    await mkdir(upstream);
    let sent = 0;
    await using host = await startHost({ folder: upstream, onRequest: ({ bytes }) => (sent += bytes) });
    const task = { upstream: host.url, store: join(folder, 'mirror'), keys: keysToJson(makeTestKeys().keys) };

    await copyFile(first.cvd, join(upstream, 'daily.cvd'));
    tell('first publication', await measure<CycleRun>('./cycle-child.ts', task), sent);
    await copyFile(second.cvd, join(upstream, 'daily.cvd'));
    await copyFile(second.cdiff, join(upstream, 'daily-2.cdiff'));
    sent = 0;
    tell('one version on', await measure<CycleRun>('./cycle-child.ts', task), sent);
    say(`the CDIFF of that step has ${(await stat(second.cdiff)).size} bytes`);
    sent = 0;
    tell('nothing new', await measure<CycleRun>('./cycle-child.ts', task), sent);
  });
}

function tell(what: string, { outcome, how, seconds, peakMegabytes }: CycleRun, sent: number): void {
  say(
    `${what}: ${outcome}, ${how}, ${sent} bytes sent by upstream, ${seconds.toFixed(1)} s, peak memory ${peakMegabytes.toFixed(0)} MB`,
  );
}
