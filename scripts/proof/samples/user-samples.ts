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

/** A file of the user's, and what clamscan must say of it: nothing, anything, or exactly this signature. */
export interface UserSample {
  /** Absolute and without symbolic links. */
  readonly path: string;
  readonly expect: 'clean' | 'any' | { readonly signature: string };
}

/**
 * The user's own samples. Each of the two paths leads to a folder, of which every regular file counts, also in the
 * folders below it, but no symbolic link; or to a list, a text with one path a line: absolute, or relative to the
 * list's folder. Blank lines and lines that begin with `#` are skipped. A line may end as clamscan's own output does:
 * `path: OK` among the clean ones, `path: Name FOUND` or `path: Name` among the infected ones; clamscan's summary is
 * skipped. Throws `SampleError`: samples that cannot all be had prove nothing.
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
        advice: 'Put files into the folder or name them in the list, or leave the setting out',
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

/** Parses a list; `where` is its own path. Throws `sample/list`. */
export function parseSampleList(text: string, kind: 'clean' | 'any', where: string): UserSample[] {
  const lines = text.split('\n').map((line) => line.trim());
  const summary = lines.findIndex((line) => /^-+ SCAN SUMMARY -+$/.test(line));
  const samples: UserSample[] = [];
  for (const [at, line] of (summary === -1 ? lines : lines.slice(0, summary)).entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const [, named = line, verdict] = /^(.+): (OK|(?!FOUND$)\S+(?: FOUND)?)$/.exec(line) ?? [];
    if (verdict !== undefined && (verdict === 'OK') !== (kind === 'clean')) {
      throw new SampleError('sample/list', `line ${at + 1} of ${where} says ${JSON.stringify(verdict)}`, {
        advice:
          'Name files in which nothing may be found in the one list, those with a signature in the other',
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

/** Throws `sample/unreadable`, `sample/empty`. */
async function sizeOf(path: string): Promise<number> {
  const { size } = await reach(path, async () => {
    await access(path, constants.R_OK);
    const entry = await stat(path);
    if (!entry.isFile()) throw new Error('it is not a regular file');
    return entry;
  });
  if (size > 0) return size;
  throw new SampleError('sample/empty', `the sample ${path} is an empty file`, {
    advice: 'Remove it: clamscan gives no verdict on a file without content',
  });
}

async function reach<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw new SampleError('sample/unreadable', `cannot read the sample or list ${path}`, {
      cause,
      advice:
        'Every sample must be there, a regular file, and readable; a list says paths relative to its own folder',
    });
  }
}

function isSame(a: UserSample, b: UserSample): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function noList(path: string): SampleError {
  return new SampleError('sample/list', `${path} is no list of samples`, {
    advice: 'Name a folder, or a text file with one path a line; a single sample goes into either',
  });
}

function contradiction(path: string): SampleError {
  return new SampleError('sample/contradiction', `${path} is named twice, to be judged differently`, {
    advice: 'Name each sample once: as clean, as infected, or as infected with one signature',
  });
}

function tooMany(source: string, most: number): SampleError {
  return new SampleError('sample/too-many', `there are more than ${most} samples, with those of ${source}`, {
    advice: 'Choose fewer: each engine scans all of them in every cycle that brings something new',
  });
}

function tooLarge(source: string): SampleError {
  return new SampleError(
    'sample/too-large',
    `the samples are more than 2 GB together, with those of ${source}`,
    {
      advice:
        'Choose fewer or smaller ones: each engine scans all of them in every cycle that brings something new',
    },
  );
}
