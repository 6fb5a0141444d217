import { access, constants, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { MirrorError } from '../../base/errors.ts';
import { SAMPLE_LIST_BYTES, SAMPLES, SAMPLES_BYTES } from '../../base/limits/engines.ts';
import { readStart } from '../../files/open.ts';

export class SampleError extends MirrorError<
  | 'sample/unreadable'
  | 'sample/empty'
  | 'sample/list'
  | 'sample/contradiction'
  | 'sample/too-many'
  | 'sample/too-large'
  | 'sample/not-copied'
> {}

/** Sample of the user, and the required verdict of clamscan: nothing, any detection, or exactly this signature. */
export interface UserSample {
  /** Absolute path without symbolic links. */
  readonly path: string;
  readonly expect: 'clean' | 'any' | { readonly signature: string };
}

/**
 * Reads the samples of the user. Each of the two paths leads to a folder or to a list. In a folder, all regular files
 * count, subfolders included, but no symbolic links. A list is a text with one path a line, absolute or relative to the
 * folder of the list. Blank lines and lines that begin with `#` are skipped. A line may end as in the output of
 * clamscan, whose summary is skipped: `path: OK` for clean files, `path: Name FOUND` or `path: Name` for infected ones.
 * Throws `SampleError`, because a proof needs all samples.
 */
export async function readUserSamples(
  from: { readonly clean?: string | undefined; readonly infected?: string | undefined },
  most = SAMPLES,
): Promise<UserSample[]> {
  const samples = new Map<string, UserSample>();
  let bytes = 0;
  for (const [kind, source] of [['clean', from.clean] as const, ['any', from.infected] as const]) {
    if (source === undefined) continue;
    let found = 0;
    for await (const { path, expect } of filesOf(source, kind)) {
      found++;
      const sample = { path: await reach(path, () => realpath(path)), expect };
      const before = samples.get(sample.path);
      if (before !== undefined && !isSame(before, sample)) throw contradiction(sample.path);
      if (before === undefined) bytes += await sizeOf(sample.path);
      if (bytes > SAMPLES_BYTES) throw tooLarge(source);
      samples.set(sample.path, sample);
      if (samples.size > most) throw tooMany(source, most);
    }
    if (found === 0) {
      throw new SampleError('sample/empty', `there is no sample in ${source}`, {
        advice: 'Put files into the folder, name them in the list, or leave the setting out',
      });
    }
  }
  return [...samples.values()];
}

async function* filesOf(source: string, kind: 'clean' | 'any'): AsyncGenerator<UserSample> {
  const path = resolve(source);
  const entry = await reach(path, () => stat(path));
  if (entry.isDirectory()) {
    for await (const file of filesBelow(path)) yield { path: file, expect: kind };
  } else {
    if (!entry.isFile()) throw noList(path);
    yield* parseSampleList(await readList(path), kind, path);
  }
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  const entries = await reach(folder, () => readdir(folder, { withFileTypes: true }));
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

/** Parses a list of samples; `where` is its path. Throws `sample/list`. */
export function parseSampleList(text: string, kind: 'clean' | 'any', where: string): UserSample[] {
  const lines = text.split('\n').map((line) => line.trim());
  const summary = lines.findIndex((line) => /^-+ SCAN SUMMARY -+$/.test(line));
  const samples: UserSample[] = [];
  for (const [at, line] of (summary === -1 ? lines : lines.slice(0, summary)).entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const [, named = line, verdict] = /^(.+): (OK|(?!FOUND$)\S+(?: FOUND)?)$/.exec(line) ?? [];
    if (verdict !== undefined && (verdict === 'OK') !== (kind === 'clean')) {
      throw new SampleError('sample/list', `line ${at + 1} of ${where} says ${JSON.stringify(verdict)}`, {
        advice: 'Put clean files into the list of clean samples, and infected files into the other list',
      });
    }
    const signature = verdict?.replace(/ FOUND$/, '');
    const expect = kind === 'clean' || signature === undefined ? kind : { signature };
    samples.push({ path: resolve(dirname(where), named), expect });
  }
  return samples;
}

async function readList(path: string): Promise<string> {
  const content = await reach(path, () => readStart(path, SAMPLE_LIST_BYTES + 1, { follow: true }));
  if (content.length > SAMPLE_LIST_BYTES || content.includes(0)) throw noList(path);
  return content.toString('utf8');
}

/** Size of a sample in bytes. Throws `sample/unreadable`, `sample/empty`. */
async function sizeOf(path: string): Promise<number> {
  const { size } = await reach(path, async () => {
    await access(path, constants.R_OK);
    const entry = await stat(path);
    if (!entry.isFile()) throw new Error('it is not a regular file');
    return entry;
  });
  if (size > 0) return size;
  throw new SampleError('sample/empty', `the sample ${path} is an empty file`, {
    advice: 'Remove it: clamscan gives no verdict on an empty file',
  });
}

async function reach<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw new SampleError('sample/unreadable', `cannot read the sample or list ${path}`, {
      cause,
      advice:
        'Every sample must be a readable regular file. Paths in a list are relative to the folder of the list',
    });
  }
}

function isSame(a: UserSample, b: UserSample): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function noList(path: string): SampleError {
  return new SampleError('sample/list', `${path} is not a list of samples`, {
    advice: 'Name a folder, or a text file with one path a line. Put even a single sample into one of these',
  });
}

function contradiction(path: string): SampleError {
  return new SampleError('sample/contradiction', `${path} is named twice, with different verdicts`, {
    advice: 'Name each sample once: as clean, as infected, or as infected with one signature',
  });
}

function tooMany(source: string, most: number): SampleError {
  return new SampleError(
    'sample/too-many',
    `there are more than ${most} samples, including those of ${source}`,
    {
      advice: 'Choose fewer: each engine scans all of them in every cycle with an update',
    },
  );
}

function tooLarge(source: string): SampleError {
  return new SampleError(
    'sample/too-large',
    `the samples have more than 2 GB together, including those of ${source}`,
    {
      advice: 'Choose fewer or smaller ones: each engine scans all of them in every cycle with an update',
    },
  );
}
