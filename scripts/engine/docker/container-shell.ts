/**
 * Scripts for the `sh` of a container. A process group is known by its leader and the start time of that (proc(5),
 * `/proc/pid/stat`, fields 1, 5 and 22), because numbers are reused, and start again after a restart.
 */
const STAT = `
stat() {
  read -r line <"/proc/$1/stat" && set -- $\{line##*) } && group=$3 started=$\{20}
} 2>/dev/null`;

/**
 * Script that runs another one, its first argument, as the leader of a process group. Docker makes each command one; with crun,
 * podman leaves it in a group outside of the container.
 */
export const LEADING = `${STAT}
script=$1
shift
stat "$$" && [ "$group" = "$$" ] && exec sh -c "$script" sh "$@"
exec setsid sh -c "$script" sh "$@"
`;

/**
 * Script that runs a tool in a folder. Arguments: RUN FOLDER TOOL ARGUMENT... In the folder RUN, `group` is the process
 * group to kill, `stopped` forbids the tool to start, and `code` is its exit code, so that no message of docker can
 * pass for it.
 */
export const RUN = `${STAT}
run=$1
cd "$2" && shift 2 && stat "$$" && [ "$group" = "$$" ] && echo "$$ $started" >"$run/group" || exit
[ -e "$run/stopped" ] && exit
"$@"
echo "$?" >"$run/code"
`;

/** Script that prints the exit code that `RUN` wrote, and removes that folder, its first argument, and others. */
export const FORGET = `{ cat "$1/code"; rm -rf "$@"; rmdir "$0"; } 2>/dev/null; :`;

/**
 * Script that kills everything that runs for the folders in its arguments, and prints the leader of each group that it finds. The shell of `RUN` ends by itself, because
 * no other process in the container may wait for its child.
 */
export const STOP = `${STAT}
for run; do
  echo >"$run/stopped" && read -r leader start <"$run/group" || continue
  tries=0
  while stat "$leader" && [ "$started" = "$start" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 200 ] || exit 1
    [ "$tries" -gt 1 ] || echo "$leader"
    for process in /proc/[0-9]*; do
      process=$\{process#/proc/}
      [ "$process" != "$leader" ] && stat "$process" && [ "$group" = "$leader" ] && kill -s KILL "$process"
    done
    sleep 0.05
  done
done 2>/dev/null
:`;
