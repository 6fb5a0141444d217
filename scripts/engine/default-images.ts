/**
 * Images for the proof if no engine is named and none is installed: the newest stable ClamAV, and the oldest supported
 * release (https://docs.clamav.net/faq/faq-eol.html). To move to another release, choose its tag, run `docker pull
 * docker.io/clamav/clamav:TAG`, and copy the tag and the printed digest. The registry is named because podman has no
 * default one.
 * The images are built on Alpine and only for amd64 (https://github.com/Cisco-Talos/clamav/issues/1104). Other machines
 * can use `docker.io/clamav/clamav-debian`.
 */
export const DEFAULT_IMAGES: readonly string[] = [
  'docker.io/clamav/clamav:1.5.4@sha256:f0954d679017eb6d48221e2b2be3ac5457bf278a844f39b672376f55a085f591',
  'docker.io/clamav/clamav:1.4@sha256:57deb108fc4c72778aa83eafbca7bb7153e28c3f57c005afd38d31f16da86f23',
];
