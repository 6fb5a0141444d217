/** An image for the proof, pinned by digest. */
export interface PinnedImage {
  /** Reference with tag and digest. */
  readonly image: string;
  /** Day on which the registry got this image, or somebody pinned it. */
  readonly pinned: string;
  readonly role: 'newest' | 'oldest';
  /** Day on which ClamAV stops supporting this feature release; `undefined` while it has no date. */
  readonly endOfLife: string | undefined;
}

/**
 * The images for the proof: the newest stable ClamAV, and the oldest supported release. Nothing else in this project names
 * their digests. `.github/renovate.json` renews `image` and `pinned` together and counts on the order of the fields. To
 * do it by hand, choose a tag, run `docker pull docker.io/clamav/clamav:TAG`, copy the tag and the printed digest, and
 * write today's date. The registry is named because podman has no default one.
 *
 * Ends of life are those of https://docs.clamav.net/faq/faq-eol.html ("Version Support Matrix", October 2026): an LTS
 * release ends three years after its first version, any other one four months after the second feature release that
 * follows it.
 *
 * The images are built on Alpine and only for amd64 (https://github.com/Cisco-Talos/clamav/issues/1104). Other machines
 * can use `docker.io/clamav/clamav-debian`.
 */
export const PINNED_IMAGES: readonly PinnedImage[] = [
  {
    image:
      'docker.io/clamav/clamav:1.5.4@sha256:f0954d679017eb6d48221e2b2be3ac5457bf278a844f39b672376f55a085f591',
    pinned: '2026-11-21',
    role: 'newest',
    endOfLife: undefined, // four months after 1.7
  },
  {
    image:
      'docker.io/clamav/clamav:1.4@sha256:57deb108fc4c72778aa83eafbca7bb7153e28c3f57c005afd38d31f16da86f23',
    pinned: '2026-11-21',
    role: 'oldest',
    endOfLife: '2027-08-15', // an LTS release of 2024-08-15
  },
];

/** Images for the proof if no engine is named and none is installed. */
export const DEFAULT_IMAGES: readonly string[] = PINNED_IMAGES.map(({ image }) => image);
