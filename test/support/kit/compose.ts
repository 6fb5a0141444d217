import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { realPart } from '../setup/real-part.ts';

const run = promisify(execFile);

/** Compose: the plugin of docker, else the program of its own. The value is its command. */
export const composePart = await realPart('compose', async (): Promise<readonly string[]> => {
  const plugin = ['docker', 'compose'];
  if (await answers(plugin)) return plugin;
  const program = ['docker-compose'];
  if (await answers(program)) return program;
  throw new Error('neither docker compose nor docker-compose answers');
});

async function answers([program = '', ...args]: readonly string[]): Promise<boolean> {
  return await run(program, [...args, 'version']).then(
    () => true,
    () => false,
  );
}

/** Runs Compose with these variables. Returns its stdout; throws what it says on stderr. */
export async function compose(
  [program = '', ...before]: readonly string[],
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const env = { ...process.env, ...variables };
  return (await run(program, [...before, ...args], { env, timeout: 300_000 })).stdout;
}
