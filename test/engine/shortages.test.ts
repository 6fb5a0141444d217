import { describe, expect, test } from 'vitest';
import type { ToolRun } from '../../scripts/engine/engine.ts';
import { lackIn, requireNoLack } from '../../scripts/engine/shortages.ts';

const ended = (run: Partial<ToolRun>): ToolRun => ({ exitCode: 2, timedOut: false, output: '', ...run });
const saying = (line: string): ToolRun => ended({ output: `before\n${line}\nafter\n` });

describe('a tool lacks', () => {
  test.each([
    ['room', 'LibClamAV Error: write: No space left on device'],
    ['room', 'write: Disk quota exceeded'],
    ['room', 'ERROR: Download failed (23) ERROR:  Message: Failed writing received data to disk/application'],
    [
      'room',
      "ERROR: buildcld: Can't add daily.ldb to new daily.cld - please check if there is enough disk space available",
    ],
    ['room', "ERROR: buildcld: Can't write to daily.cld"],
    ['room', "ERROR: downloadFile: Can't create new file /db/tmp.1/clamav-2 in /db"],
    ['room', "ERROR: Can't create temporary directory /db/tmp.1"],
    ['room', "ERROR: mkdir_and_chdir_for_cdiff_tmp: Can't create directory /db/tmp.1"],
    ['room', "ERROR: Can't create freshclam.dat in /db"],
    ['room', "ERROR: Can't write to freshclam.dat"],
    ['room', "/samples/eicar.zip: Can't create temporary file ERROR"],
    ['room', "/samples/eicar.zip: Can't write to file ERROR"],
    ['room', "INSTREAM: Can't write to temporary file."],
    [
      'room',
      "LibClamAV Error: cli_gentempfd_with_prefix: Can't create temporary file /tmp/x: Too many users",
    ],
    ['more memory', 'LibClamAV Error: mmap: Cannot allocate memory'],
    ['more memory', "LibClamAV Error: mpool_malloc(): Can't allocate memory (262144 bytes)."],
    ['more memory', "LibClamAV Error: cl_statinidir: Cant' allocate memory for fname"],
    ['more memory', "LibClamAV Error: cli_ac_addpatt: Can't realloc ac_nodetable"],
    ['more memory', 'ERROR: updatedb: Failed to allocate memory for database filename.'],
    ['more memory', 'LibClamAV Error: cli_bitset_init: Unable to allocate memory for bs 16'],
    ['more memory', 'memory allocation of 4096 bytes failed'],
    ['more memory', "ERROR: Database load failed: Can't map file into memory"],
    ['more memory', 'ERROR: Database load killed by signal 9'],
    ['more files', 'ERROR: accept() failed: Too many open files'],
    ['more processes', 'ERROR: fork: Resource temporarily unavailable'],
    ['Let it read and write', 'ERROR: rename: Read-only file system'],
    ['Let it read and write', "WARNING: Can't open directory /db: Permission denied"],
    ['SETGID', 'ERROR: initgroups() failed.'],
    ['SETGID', 'ERROR: setgid(0) failed.'],
    ['/etc/passwd', "ERROR: Can't get information about user root."],
    ['the disk', 'LibClamAV Error: read: Input/output error'],
  ])('%s: %s', (advice, line) => {
    expect(lackIn(saying(line))?.said).toBe(line);
    expect(lackIn(saying(line))?.advice).toMatch(new RegExp(advice.replace('more processes', 'processes')));
  });

  test.each<Partial<ToolRun>>([
    { exitCode: null, signal: 'SIGKILL' },
    { exitCode: 137 },
    { outOfMemory: true },
  ])('memory, when it ends like this: %o', (end) => {
    expect(() => requireNoLack({ name: 'docker:x' }, ended(end))).toThrow(
      expect.objectContaining({ code: 'engine/broken', advice: expect.stringMatching(/more memory/) }),
    );
  });
});

describe('a tool lacks nothing', () => {
  test.each([
    "LibClamAV Error: Can't load /db/daily.ldb: Malformed database",
    'ERROR: Database load killed by signal 11',
    "ERROR: downloadFile: Can't create new file test-5.cvd.sign in /db",
    "/samples/a: Can't open file or directory ERROR",
    "/samples/a: Can't read file ERROR",
    '/samples/No space left on device: Eicar-Test-Signature FOUND',
    'LibClamAV Error: cli_max_malloc(): File or section is too large to scan (4294967295 bytes). For your safety, ClamAV limits how much memory an operation can allocate to 1073741824 bytes\nLibClamAV Error: Out of memory allocating operands',
    '',
  ])('when it says: %s', (line) => {
    expect(lackIn(saying(line))).toBeUndefined();
  });

  test.each<Partial<ToolRun>>([
    { exitCode: null, signal: 'SIGSEGV' },
    { exitCode: null, signal: 'SIGABRT' },
    { exitCode: 139 },
    { exitCode: null, timedOut: true },
    { exitCode: null },
    { exitCode: 0 },
  ])('when it ends like this: %o', (end) => {
    expect(lackIn(ended(end))).toBeUndefined();
  });
});
