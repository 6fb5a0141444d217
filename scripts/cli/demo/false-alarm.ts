import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Log, SILENT } from '../../base/log.ts';
import { updateClient } from '../../client/update.ts';
import { CvdReader } from '../../cvd/container/reader.ts';
import type { CycleDeps } from '../../cycle/context.ts';
import { allow, disallow } from '../../cycle/extras/allow.ts';
import type { CycleSettings } from '../../cycle/settings.ts';
import { type Engine, run } from '../../engine/engine.ts';
import { eicar } from '../../proof/samples/samples.ts';
import { clientSettings } from '../../settings/commands/client.ts';

/** Signature of Talos' test database that plays a false alarm. */
const NAME = 'Win.Worm.Klez-1';
const SAMPLE = 'our-installer.exe';
const EICAR = 'eicar.com';

/**
 * Lets a client find a signature in a harmless file, allows it, and takes it from the list again. Returns what the client
 * found each time. Throws if that is not as promised.
 */
export async function playFalseAlarm(
  { folder, url, engine, log }: { folder: string; url: string; engine: Engine; log: Log },
  settings: CycleSettings,
  deps: CycleDeps,
): Promise<string> {
  const samples = join(folder, 'samples');
  await mkdir(samples, { recursive: true });
  await writeFile(join(samples, SAMPLE), await patternOf(NAME, join(folder, 'mirror', 'test.cvd')));
  await writeFile(join(samples, EICAR), eicar());
  const finds = async (expected: string) => {
    await updateClient(clientSettings(url, { flags: { into: join(folder, 'client') }, environment: {} }), {
      openEngine: async () => engine,
      ...{ trust: deps.trust, log: SILENT, now: deps.now },
    });
    const args = (at: string) => [`--database=${at}/client`, '--no-summary', `${at}/samples`];
    const { output } = await run(engine, { tool: 'clamscan', folder, args, timeout: 60_000 });
    const lines = [SAMPLE, EICAR].map(
      (name) => output.split('\n').find((line) => line.includes(`/${name}: `)) ?? '',
    );
    for (const line of lines) log.info(`  ${line.replace(/^.*\//, '')}`);
    const [sample = '', test = ''] = lines;
    if (!sample.endsWith(expected) || !test.endsWith(' FOUND'))
      throw new Error(`the client should find ${expected} in ${SAMPLE}, and EICAR: ${output}`);
  };
  await finds(`${NAME} FOUND`);
  log.info(`$ clamav-mirror allow ${NAME} --reason "flags our installer"`);
  await allow(settings, { what: NAME, reason: 'flags our installer' }, deps);
  await finds('OK');
  log.info(`$ clamav-mirror disallow ${NAME}`);
  await disallow(settings, NAME, deps);
  await finds(`${NAME} FOUND`);
  return `${NAME} is found, not found once it is allowed, and found again; EICAR always`;
}

/** Bytes in which a signature of a CVD finds something: nothing but its pattern. */
async function patternOf(name: string, path: string): Promise<Buffer> {
  let text = '';
  let isText = false;
  const reader = new CvdReader({
    header() {},
    entry(entry) {
      isText = entry.name.endsWith('.ndb');
    },
    data(chunk) {
      if (isText) text += Buffer.from(chunk).toString('latin1');
    },
  });
  reader.write(await readFile(path));
  reader.end();
  const [, , , pattern = ''] =
    text
      .split('\n')
      .find((line) => line.startsWith(`${name}:`))
      ?.split(':') ?? [];
  return Buffer.from(pattern, 'hex');
}
