import { codeOf } from '../base/errors.ts';
import { DEFAULT_IMAGES } from './default-images.ts';
import { type Engine, EngineError } from './engine.ts';
import { type OpenOptions, openEngines } from './open.ts';
import { type EngineSpec, parseEngineSpec } from './spec.ts';

/** Opens this engine, or by default the native one, else the newest image. Throws `engine/missing`, `engine/broken`. */
export async function openOneEngine(spec: EngineSpec | undefined, options: OpenOptions): Promise<Engine> {
  const open = async (wanted: EngineSpec) => {
    const [engine] = await openEngines([wanted], options);
    if (engine === undefined) throw new EngineError('engine/missing', `there is no engine ${wanted.name}`);
    return engine;
  };
  if (spec !== undefined) return await open(spec);
  try {
    return await open(parseEngineSpec('native'));
  } catch (error) {
    const [newest] = DEFAULT_IMAGES;
    if (codeOf(error) !== 'engine/missing' || newest === undefined) throw error;
    return await open(parseEngineSpec(`docker:${newest}`));
  }
}
