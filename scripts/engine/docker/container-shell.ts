/**
 * What runs inside a container, by its own `sh`. A process group is known by its leader and the time when that started
 * (proc(5), `/proc/pid/stat`, fields 1, 5 and 22), since numbers come again, and after a restart from the beginning.
 */
const STAT = `
stat() {
  read -r line <"/proc/$1/stat" && set -- $\{line##*) } && group=$3 started=$\{20}
} 2>/dev/null`;

/**
 * Runs a tool in a folder: arguments RUN FOLDER TOOL ARGUMENT... In the folder RUN, `group` is whom to kill, `stopped`
 * says that it must not start any more, and `code` is how the tool ended: no word of docker's can be taken for that.
 */
export const RUN = `${STAT}
run=$1
cd "$2" && shift 2 && stat "$$" && [ "$group" = "$$" ] && echo "$$ $started" >"$run/group" || exit
[ -e "$run/stopped" ] && exit
"$@"
echo "$?" >"$run/code"
`;

/** Says how a tool ended, as `RUN` wrote it, and removes that folder, its first argument, and others. */
export const FORGET = `{ cat "$1/code"; rm -rf "$@"; rmdir "$0"; } 2>/dev/null; :`;

/**
 * Kills what runs for the folders that are its arguments. The shell of `RUN` is left to end by itself, because nobody
 * else in the container may wait for its child.
 */
export const STOP = `${STAT}
for run; do
  echo >"$run/stopped" && read -r leader start <"$run/group" || continue
  tries=0
  while stat "$leader" && [ "$started" = "$start" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 200 ] || exit 1
    for process in /proc/[0-9]*; do
      process=$\{process#/proc/}
      [ "$process" != "$leader" ] && stat "$process" && [ "$group" = "$leader" ] && kill -s KILL "$process"
    done
    sleep 0.05
  done
done 2>/dev/null
:`;
