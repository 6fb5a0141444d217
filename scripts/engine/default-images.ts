/**
 * What proves if no engine is named and none is installed: the newest stable ClamAV, and the oldest release that is
 * still supported (https://docs.clamav.net/faq/faq-eol.html). To move one, choose its tag, run
 * `docker pull docker.io/clamav/clamav:TAG`, and copy the tag and the digest that this prints. The registry is named because
 * podman asks none by itself.
 * They are built on Alpine and for amd64 only (https://github.com/Cisco-Talos/clamav/issues/1104); for other machines there
 * is `docker.io/clamav/clamav-debian`.
 */
export const DEFAULT_IMAGES: readonly string[] = [
  'docker.io/clamav/clamav:1.5.4@sha256:f0954d679017eb6d48221e2b2be3ac5457bf278a844f39b672376f55a085f591',
  'docker.io/clamav/clamav:1.4@sha256:57deb108fc4c72778aa83eafbca7bb7153e28c3f57c005afd38d31f16da86f23',
];
