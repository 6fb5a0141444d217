#!/bin/sh
# boot.sh FOLDER REPOSITORY
#
# Boots systemd as PID 1 of a machine that is this one, with its own files over it: what is written there is in memory and
# gone with it. REPOSITORY is at /opt/clamav-mirror. Runs in namespaces and in a cgroup of its own (booted.ts); the network
# is that of this machine. Nothing of this machine's kernel can be set from there.
set -eu
folder=$1 root=$1/root
mount -t tmpfs -o size=512m tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mount -t cgroup2 cgroup "$root/sys/fs/cgroup"
else
  mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
  mkdir "$root/sys/fs/cgroup/systemd"
  mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
fi
for at in run tmp; do mount -t tmpfs tmpfs "$root/$at"; done
mount --rbind /dev "$root/dev"
mkdir -p "$root/opt/clamav-mirror" "$root/mnt"
mount --bind "$2" "$root/opt/clamav-mirror"
cat >"$root/etc/systemd/system/trial.target" <<'END'
[Unit]
DefaultDependencies=no
Wants=systemd-journald.service
END
cd "$root"
pivot_root . mnt
umount -l /mnt
exec env -i container=trial PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --unit=trial.target --show-status=no
