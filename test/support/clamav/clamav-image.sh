#!/bin/sh
# clamav-image.sh SUITE "deb ARCHIVE SUITE main"...
#
# Makes a Docker image of the ClamAV in a suite of Debian, and prints its id. The image behaves like clamav/clamav where
# tests look: /init runs the command given to it, or else brings the databases and starts freshclam and clamd; the user
# is clamav; databases are in /var/lib/clamav; clamd listens on port 3310.
#
# Packages are unpacked, not installed: nothing of them runs on this machine. Needs root, mmdebstrap and docker; LABELS
# holds instructions for `docker import`, one a line.
set -eu
suite=$1; shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
tree=$work/tree

mmdebstrap --quiet --mode=root --variant=extract --aptopt='Acquire::Retries "3"' \
  --include=clamav,clamav-freshclam,clamav-daemon,busybox-static "$suite" "$tree" "$@" >&2

for applet in $("$tree/bin/busybox" --list); do
  [ -e "$tree/bin/$applet" ] || [ -e "$tree/usr/bin/$applet" ] || ln -s busybox "$tree/bin/$applet"
done
mkdir -p "$tree/etc/clamav" "$tree/run/clamav" "$tree/var/lib/clamav" "$tree/var/log/clamav"
chown 100:101 "$tree/run/clamav" "$tree/var/lib/clamav" "$tree/var/log/clamav"
printf '%s\n' 'root:x:0:0::/root:/bin/sh' 'clamav:x:100:101::/var/lib/clamav:/bin/sh' >"$tree/etc/passwd"
printf '%s\n' 'root:x:0:' 'clamav:x:101:' >"$tree/etc/group"
echo 'hosts: files dns' >"$tree/etc/nsswitch.conf"
cat >"$tree/etc/clamav/clamd.conf" <<'END'
LocalSocket /run/clamav/clamd.sock
TCPSocket 3310
TCPAddr 0.0.0.0
User clamav
Foreground yes
LogTime yes
END
cat >"$tree/etc/clamav/freshclam.conf" <<'END'
DatabaseMirror database.clamav.net
DatabaseOwner clamav
END
cat >"$tree/init" <<'END'
#!/bin/sh
case ${1--} in -*) ;; *) exec "$@" ;; esac
ls /var/lib/clamav/*.c?d >/dev/null 2>&1 || freshclam --foreground --stdout
[ "${CLAMAV_NO_FRESHCLAMD-}" = true ] || freshclam --daemon --foreground --stdout &
exec clamd --foreground "$@"
END
chmod 755 "$tree/init"

set -- -c 'ENTRYPOINT ["/init"]' -c 'EXPOSE 3310' -c 'VOLUME /var/lib/clamav' -c 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin'
IFS='
'
for label in ${LABELS-}; do set -- "$@" -c "LABEL $label"; done
tar -C "$tree" --exclude=./usr/share --exclude=./var/lib/dpkg --exclude='./usr/bin/perl*' -c . | docker import "$@" -
