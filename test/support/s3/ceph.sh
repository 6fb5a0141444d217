#!/bin/sh
# ceph.sh TREE FOLDER PORT
# A Ceph cluster in memory, whose S3 gateway is soon to answer on 127.0.0.1:PORT: TREE is from ceph-tree.sh, FOLDER is
# new, and the 20 ports after PORT are free. Ends with its stdin, and every program of it with this shell.
set -eu
tree=$1 folder=$2 port=$3 mon=$(($3 + 1))
mkdir -p "$folder/mon" "$folder/osd"
fsid=$(cat /proc/sys/kernel/random/uuid)
export CEPH_CONF="$folder/ceph.conf"
cat >"$CEPH_CONF" <<END
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$mon/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind port min = $((port + 2))
ms bind port max = $((port + 20))
ms mon client mode = crc
auth cluster required = none
auth service required = none
auth client required = none
run dir = $folder
pid file =
admin socket =
log to stderr = false
log file = $folder/\$name.log
mon cluster log file =
mon data = $folder/mon
mon data avail crit = 1
mon allow pool size one = true
paxos propose interval = 0.02
paxos min wait = 0.01
objecter tick interval = 0.1
osd data = $folder/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd class dir = $tree/lib/rados-classes
plugin dir = $tree/lib/ceph
erasure code dir = $tree/lib/ceph/erasure-code
osd pool default size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
rgw data = $folder/rgw
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw override bucket index max shards = 1
rgw gc obj min wait = 5
rgw gc processor period = 5
rgw bucket quota ttl = 0
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = test-key=$(head -c 32 /dev/urandom | base64)
END

load="$tree/loader --library-path $tree/lib:$tree/lib/ceph"
start() {
  setpriv --pdeathsig KILL $load "$tree/bin/$@" -f >"$folder/$1.out" 2>&1 &
  pids="${pids-} $!"
}
trap 'kill -9 $pids 2>/dev/null' EXIT
$load "$tree/bin/monmaptool" --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$mon/0]" "$folder/monmap" >/dev/null
$load "$tree/bin/ceph-mon" -i a --mkfs --monmap "$folder/monmap"
start ceph-mon -i a
$load "$tree/bin/ceph-osd" -i 0 --mkfs >"$folder/mkfs.out" 2>&1
start ceph-osd -i 0
timeout 60 $load "$tree/bin/radosgw-admin" user create --uid=test --display-name=test \
  --access-key=PUBLISHER --secret-key=its-secret-key >"$folder/user.out" 2>&1
# the gateway of Ceph 20 fails an assertion of its own once in many runs (rgw's shard_io): it is started again
setpriv --pdeathsig KILL sh -c 'while :; do setpriv --pdeathsig KILL "$@" -f; sleep 0.1; done' sh \
  $load "$tree/bin/radosgw" -n client.rgw >"$folder/radosgw.out" 2>&1 &
pids="$pids $!"
cat >/dev/null
