import { rm } from 'node:fs/promises';
import { makeTemporaryFolder } from '../files/private-folder.ts';
import { describeEngine } from './describe.ts';
import { type Engine, EngineError, type Tool } from './engine.ts';

/** Error for a tool that an engine does not have. */
export class ToolNotFound extends EngineError {
  constructor(tool: Tool) {
    super('engine/broken', `it has no ${tool}`);
  }
}

/** Asks an engine in a container for its version, f-level and tools. Throws `engine/broken`. */
export async function askEngine(
  start: Engine['start'],
): Promise<Pick<Engine, 'version' | 'fLevel' | 'tools'>> {
  const asked = [
    describeEngine(start),
    tryTool(start, 'freshclam'),
    tryTool(start, 'clamd').then(
      () => true,
      (error) => {
        if (error instanceof ToolNotFound) return false;
        throw error;
      },
    ),
  ] as const;
  await Promise.allSettled(asked); // wait for all, so that none runs on after a failure
  const [described, , hasClamd] = await Promise.all(asked);
  return {
    ...described,
    tools: new Set<Tool>(['freshclam', 'clamscan', ...(hasClamd ? ['clamd' as const] : [])]),
  };
}

/** Requires that a tool can be started; its answer does not matter. */
async function tryTool(start: Engine['start'], tool: Tool): Promise<void> {
  const folder = await makeTemporaryFolder('clamav-mirror-engine-');
  try {
    const program = await start({ tool, folder, args: () => ['--version'], timeout: 60_000 });
    await program.ended;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
