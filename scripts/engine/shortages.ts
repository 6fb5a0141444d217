import { type Engine, EngineError, endOf, type ToolRun } from './engine.ts';

/** Shortage of something that ClamAV needs from its machine. */
export interface Lack {
  /** Message of the tool, or the way it ended. */
  readonly said: string;
  readonly advice: string;
}

/**
 * Throws `engine/broken` for a run that ended for lack of something, because no database is to blame for that. SIGSEGV,
 * SIGABRT and the like do not count: a database can cause them (field-notes.md, cl#923).
 */
export function requireNoLack({ name }: Pick<Engine, 'name'>, run: ToolRun): void {
  const lack = lackIn(run);
  if (lack === undefined) return;
  throw new EngineError('engine/broken', `${name}: ${lack.said}`, {
    advice: `${lack.advice}. The next cycle tries again`,
  });
}

/** Shortage of a tool, as far as its end or its messages show one. */
export function lackIn(run: ToolRun): Lack | undefined {
  if (run.outOfMemory === true || run.signal === 'SIGKILL' || run.exitCode === KILLED_EXIT_CODE) {
    return { said: `the kernel or somebody else killed it (${endOf(run)})`, advice: MEMORY };
  }
  for (const { pattern, unless, advice } of WORDS) {
    const line = pattern.exec(run.output)?.[0];
    if (line !== undefined && unless?.test(run.output) !== true) return { said: line.trim(), advice };
  }
  return undefined;
}

/** Exit code of a shell for SIGKILL: 128 + 9. */
const KILLED_EXIT_CODE = 137;

const MEMORY = 'Give it more memory: main, daily and bytecode need 1.5 GB in clamscan and 3 GB in clamd';
const ROOM = 'Make room on the disks of the work folder and of the temporary folder';
const FILES =
  'Let it open more files and start more processes: check ulimit -n, ulimit -u and the limits of the container';
const RIGHTS =
  'Let it read and write in the work folder and in the temporary folder: check their owner, read-only mounts, AppArmor and SELinux';
const USER =
  'Let it keep the capabilities SETGID and SETUID, and give its user a name in /etc/passwd. Or run this as an ordinary user';
const DISK = 'Check the disk, and what the kernel log says about it';

/** Message of libclamav when it refuses a size that a broken database asks for, however much memory there is. */
const BEYOND_REASON = /too large to scan \(\d+ bytes\)|Attempt to allocate \d+ bytes/;

interface Words {
  readonly pattern: RegExp;
  /** Message with which the run lacked nothing after all. */
  readonly unless?: RegExp;
  readonly advice: string;
}

/**
 * Messages of errno, curl and ClamAV about shortages. Those of ClamAV come from freshclam/freshclam.c,
 * libfreshclam/libfreshclam_internal.c, clamd/clamd.c, clamd/server-th.c, libclamav/clamav.c (cl_strerror),
 * libclamav/others_common.c, libclamav/readdb.c and common/output.c, from 0.103 to 1.5. Messages that a broken database
 * can cause too are left out: "Can't open file", "Can't read file", "Malformed database".
 */
const WORDS: readonly Words[] = [
  // errno, in the words of strerror(3) of glibc and musl
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
  // ClamAV: disk space; it also says so of a .sign that is left from its attempt before
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
  // ClamAV: its user
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

/** Line with one of these messages, but not a verdict on a sample. */
function line(words: string): RegExp {
  return new RegExp(`^(?!.*: \\S+ FOUND$).*(?:${words}).*$`, 'm');
}
