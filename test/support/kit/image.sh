#!/bin/sh
# image.sh BASE ["deb URL SUITE main"...]
# Builds the image of this repository on BASE, and prints its ID. With sources, BASE is made first if it is missing: what Debian
# calls a slim image, with these lines as its sources, and the certificates in the file CAFILE, by which apt and npm reach their
# archives from here. LABELS holds arguments for `docker build`. Needs root, mmdebstrap and docker.
set -eu
base=$1; shift
suite=trixie
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if [ $# -gt 0 ] && ! docker image inspect "$base" >"$work/log" 2>&1; then
  mkdir "$work/add"
  home=~root
  if [ -n "${CAFILE-}" ]; then
    mkdir -p "$work/add/etc/ssl/certs" "$work/add$home"
    cp "$CAFILE" "$work/add/etc/ssl/certs/build.crt"
    echo 'cafile=/etc/ssl/certs/build.crt' >"$work/add$home/.npmrc"
  fi
  mmdebstrap --quiet --mode=root --variant=minbase --aptopt='Acquire::Retries "3"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="sync-in $work/add /" "$suite" - "$@" |
    docker import --change='CMD ["bash"]' --change="LABEL clamav-mirror-test=image" \
      --change='ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$base" >&2
fi

cd "$(dirname "$0")/../../.."
# The machine's own network, which may have proxies and names that no bridge has. Old engines say more than the ID.
# shellcheck disable=SC2086
docker build --network=host --file=site/image/Dockerfile --build-arg="BASE=$base" $LABELS \
  --iidfile="$work/id" . >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
cat "$work/id"
