import { createHash } from 'node:crypto';
import { VERSION } from '../base/version.ts';
import type { Engine } from '../engine/engine.ts';
import type { UserSample } from './samples/user-samples.ts';

/**
 * Digest of what a proof rests on besides the databases: the engines, the samples of the user, and our own version. An
 * engine in a container is known by its image: GitHub gives each run containers with other names.
 */
export function basisOf(engines: readonly Engine[], samples: readonly UserSample[] = []): string {
  const parts = engines.map(({ name, image = name, version, fLevel, tools, canAskNameserver }) =>
    JSON.stringify({ name: image, version, fLevel, tools: [...tools].sort(), canAskNameserver }),
  );
  const files = samples.map(({ path, expect }) => JSON.stringify({ path, expect }));
  const text = [VERSION, ...parts.sort(), ...files.sort()].join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, BASIS_DIGITS);
}

/** Hex digits of the digest. These are enough: nobody gains by another set of engines with the same digest. */
const BASIS_DIGITS = 32;
