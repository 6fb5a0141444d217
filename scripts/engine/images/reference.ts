/** Parts of an image reference. */
export interface ImageReference {
  /** Host of the registry, with its port; `docker.io` if none is named. */
  readonly registry: string;
  /** Name within the registry, such as `clamav/clamav`. */
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string | undefined;
}

/** Image reference as `docker pull` takes it (distribution's reference grammar). It cannot pass as an option. */
const IMAGE =
  /^(?<name>[a-z0-9][\w.-]*(?::\d+)?(?:\/[\w.-]+)*)(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/i;
/** Versions as ClamAV tags its images: `1.5.4`, `1.5.4-12`, `1.4_base`. */
const VERSION = /^(\d+\.\d+)(?:[.-]\d+)*((?:_\w+)?)$/;
const DOCKER_HUB = 'docker.io';

/** Reads an image reference; `undefined` if it is none. */
export function parseImage(text: string): ImageReference | undefined {
  const { name, tag, digest } = IMAGE.exec(text)?.groups ?? {};
  if (name === undefined) return undefined;
  const [host = '', ...path] = name.split('/');
  const isHost = path.length > 0 && (/[.:]/.test(host) || host === 'localhost');
  const repository = isHost ? path.join('/') : name;
  const registry = isHost ? host : DOCKER_HUB;
  const isOfficial = registry === DOCKER_HUB && !repository.includes('/'); // Docker's own images
  return { registry, repository: isOfficial ? `library/${repository}` : repository, tag, digest };
}

/**
 * The tag of a feature release for an image of a version: `clamav:1.5` for `clamav:1.5.4@sha256:…`. It moves with each
 * patch release. A tag that is no version is kept. `undefined` if the reference has no digest, or no tag to go back to.
 */
export function withoutPin(image: string): string | undefined {
  const { tag, digest } = parseImage(image) ?? {};
  if (tag === undefined || digest === undefined) return undefined;
  return `${image.slice(0, -`${tag}@${digest}`.length)}${featureTag(tag)}`;
}

/** Feature release of a version or tag: `1.5` for `1.5.4`. */
export function featureTag(tag: string): string {
  const [, release, variant = ''] = VERSION.exec(tag) ?? [];
  return release === undefined ? tag : `${release}${variant}`;
}
