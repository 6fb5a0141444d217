#!/bin/sh
# ceph-tree.sh SUITE ARCHIVE OUT
# Unpacks Ceph's S3 gateway from Debian's SUITE into the folder OUT without installing it, and of that only what
# ceph.sh runs, with the libraries it needs. Needs mmdebstrap and root.
set -eu
suite=$1 archive=$2 out=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# a mirror of a suite that still moves may be behind
mmdebstrap --quiet --mode=root --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' \
  --include=radosgw,ceph-mon,ceph-osd "$suite" "$work/all" "$archive"

all=$work/all tree=$work/tree lib=usr/lib/$(cd "$work/all/usr/lib" && ls -d ./*-linux-gnu | sed 's,./,,')
loader=$(ls "$all"/usr/lib64/ld-linux-*.so.* "$all"/lib64/ld-linux-*.so.* "$all"/lib/ld-linux-*.so.* 2>/dev/null | head -n 1)
mkdir -p "$tree/bin" "$tree/lib/ceph" "$tree/lib/rados-classes"
cp -L "$loader" "$tree/loader"
for program in monmaptool ceph-mon ceph-osd radosgw radosgw-admin; do cp "$all/usr/bin/$program" "$tree/bin/"; done
cp -a "$all/$lib/rados-classes/." "$tree/lib/rados-classes/"
cp -a "$all/$lib/ceph/." "$tree/lib/ceph/"
path=$all/$lib:$all/$lib/ceph:$all/lib/${lib#usr/lib/}
find "$tree" -type f \( -path '*/bin/*' -o -name '*.so*' \) | while read -r file; do
  "$loader" --library-path "$path" --list "$file" 2>/dev/null || :
done | sed -n 's/.*=> \(\/[^ ]*\) (.*/\1/p' | sort -u | grep -v '/ceph/[^/]*$' | xargs cp -Lt "$tree/lib"
mkdir -p "$(dirname "$out")"
mv "$tree" "$out.$$" # perhaps from another file system
mv -T "$out.$$" "$out" 2>/dev/null || rm -rf "$out.$$" # another run was first
