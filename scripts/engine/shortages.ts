import { type Engine, EngineError, endOf, type ToolRun } from './engine.ts';

/** Something that a machine does not give to ClamAV. */
export interface Lack {
  /** The line that says so, or how the tool ended. */
  readonly said: string;
  readonly advice: string;
}

/**
 * Throws `engine/broken` for a run that ended for want of something: no database is to blame for that. SIGSEGV, SIGABRT
 * and the like are none: a database can do that (field-notes.md, cl#923).
 */
export function requireNoLack({ name }: Pick<Engine, 'name'>, run: ToolRun): void {
  const lack = lackIn(run);
  if (lack === undefined) return;
  throw new EngineError('engine/broken', `${name}: ${lack.said}`, {
    advice: `${lack.advice}; it is tried again in the next cycle`,
  });
}

/** What a tool lacked, as far as its end or its own words tell. */
export function lackIn(run: ToolRun): Lack | undefined {
  if (run.outOfMemory === true || run.signal === 'SIGKILL' || run.exitCode === KILLED) {
    return { said: `the kernel or somebody else has killed it (${endOf(run)})`, advice: MEMORY };
  }
  for (const { pattern, unless, advice } of WORDS) {
    const line = pattern.exec(run.output)?.[0];
    if (line !== undefined && unless?.test(run.output) !== true) return { said: line.trim(), advice };
  }
  return undefined;
}

/** By a shell: 128 and SIGKILL. */
const KILLED = 137;

const MEMORY = 'Give it more memory: main, daily and bytecode take 1.5 GB in clamscan, twice that in clamd';
const ROOM = 'Make room where the work folder and the temporary files are';
const FILES =
  'Let it open more files and start more processes: ulimit -n, ulimit -u, the limits of the container';
const RIGHTS =
  'Let it read and write in the work folder and among the temporary files: look at their owner, at read-only mounts, AppArmor and SELinux';
const USER =
  'Let it keep the capabilities SETGID and SETUID, and give its user a name in /etc/passwd; or run this as an ordinary user';
const DISK = 'Look at the disk, and at what the kernel says of it';

/** What libclamav says before it gives up a size that a broken database asks for, whatever memory there is. */
const BEYOND_REASON = /too large to scan \(\d+ bytes\)|Attempt to allocate \d+ bytes/;

interface Words {
  readonly pattern: RegExp;
  /** Then it is not for want of anything. */
  readonly unless?: RegExp;
  readonly advice: string;
}

/**
 * Words of errno, curl and ClamAV. ClamAV's are those of freshclam/freshclam.c, libfreshclam/libfreshclam_internal.c,
 * clamd/clamd.c, clamd/server-th.c, libclamav/clamav.c (cl_strerror), libclamav/others_common.c, libclamav/readdb.c and
 * common/output.c, from 0.103 to 1.5. What a broken database can bring about too is none of them: "Can't open file",
 * "Can't read file", "Malformed database".
 */
const WORDS: readonly Words[] = [
  // errno, as strerror(3) of glibc and musl says it
  { pattern: line('No space left on device|Disk quota exceeded|Quota exceeded'), advice: ROOM },
  { pattern: line('Cannot allocate memory|Out of memory'), unless: BEYOND_REASON, advice: MEMORY },
  { pattern: line('Too many open files|No file descriptors available'), advice: FILES },
  { pattern: line('Resource temporarily unavailable'), advice: FILES },
  { pattern: line('Read-only file system|Permission denied|Operation not permitted'), advice: RIGHTS },
  { pattern: line('Input/output error|I/O error'), advice: DISK },
  // curl: CURLE_WRITE_ERROR
  {
    pattern: line('Failed writing received data to disk|Failure writing output to destination'),
    advice: ROOM,
  },
  // ClamAV: room; of a .sign it says so, too, when it finds the one of its attempt before
  { pattern: line('please check if there is enough disk space'), advice: ROOM },
  { pattern: line("Can't write to|cannot write \\d+ bytes|write error"), advice: ROOM },
  {
    pattern: line(
      "Can't create (?:new file(?! \\S+\\.sign\\b)|temporary|temp file|the directory|directory|freshclam\\.dat)|" +
        "Can't generate temporary|Failed to create (?:temp|database directory)|Failed to create a new freshclam\\.dat|" +
        'Failed to read/write file to database directory',
    ),
    advice: ROOM,
  },
  {
    pattern: line("buildcld: Can't open \\S+ for writing|Can't open '.+' for writing"),
    advice: ROOM,
  },
  // ClamAV: memory
  {
    pattern: line(
      "Can[' ]?t' ?allocate|Can't (?:re)?alloc(?:ate)?\\b|Can't realloc|(?:Cannot|Could not) (?:re)?alloc(?:ate)?\\b|" +
        'Unable to (?:re)?allocate|(?:Failed|failed) to (?:re)?allocate|Memory allocation (?:error|failed)|' +
        'memory allocation of \\d+ bytes failed|ran out of memory|[Oo]ut of memory|no memory (?:left )?for|' +
        "OOM allocating|not enough memory|malloc\\(\\) failed|calloc failed|mpool malloc fail|Can't map file into memory",
    ),
    unless: BEYOND_REASON,
    advice: MEMORY,
  },
  { pattern: line('Database load killed by signal 9\\b'), advice: MEMORY },
  // ClamAV: who it is
  {
    pattern: line(
      '(?:initgroups|setgroups)\\(\\) failed|set[gu]id\\(\\d+\\) failed|[Gg]et information about user|' +
        'Failed to get information about user',
    ),
    advice: USER,
  },
  // ClamAV: processes and threads
  { pattern: line('fork\\(\\) .*failed|Failed to (?:fork|create thread)'), advice: FILES },
];

/** A line that has one of these words in it, but for what is said of a sample. */
function line(words: string): RegExp {
  return new RegExp(`^(?!.*: \\S+ FOUND$).*(?:${words}).*$`, 'm');
}
