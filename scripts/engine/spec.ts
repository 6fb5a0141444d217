import { MirrorError } from '../base/errors.ts';
import { PINNED_IMAGES } from './default-images.ts';
import { parseImage } from './images/reference.ts';

export class EngineSpecError extends MirrorError<'engine/spec'> {}

/** Engine to open. `name` is the text by which it was requested. */
export type EngineSpec =
  | { readonly kind: 'native'; readonly name: string }
  | { readonly kind: 'docker'; readonly name: string; readonly image: string }
  | { readonly kind: 'container'; readonly name: string; readonly id: string };

/** Container ID, or name (moby's `RestrictedNameChars`). */
const CONTAINER = /^[a-z0-9][\w.-]*$/i;

/**
 * Reads `native`, `docker:IMAGE` or `container:ID`. `newest` and `oldest` stand for the pinned images. Throws
 * `EngineSpecError`.
 */
export function parseEngineSpec(text: string): EngineSpec {
  if (text === 'native') return { kind: 'native', name: text };
  const pinned = PINNED_IMAGES.find(({ role }) => role === text);
  if (pinned !== undefined) return { kind: 'docker', name: `docker:${pinned.image}`, image: pinned.image };
  const [kind, what] = split(text);
  if (kind === 'docker' && parseImage(what) !== undefined) return { kind, name: text, image: what };
  if (kind === 'container' && CONTAINER.test(what)) return { kind, name: text, id: what };
  throw new EngineSpecError('engine/spec', `${JSON.stringify(text)} is not an engine`, {
    advice:
      'Use native, newest, oldest, docker:IMAGE or container:ID, for example docker:docker.io/clamav/clamav:1.4',
  });
}

function split(text: string): [kind: string, what: string] {
  const colon = text.indexOf(':');
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
}
