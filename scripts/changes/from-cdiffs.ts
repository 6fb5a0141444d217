import type { Edit } from '../cvd/cdiff/command.ts';
import { Patch } from '../cvd/cdiff/patch.ts';
import { CdiffReader } from '../cvd/cdiff/reader.ts';
import { ScriptParser } from '../cvd/cdiff/script.ts';
import { CvdError } from '../cvd/error.ts';
import { HEADER_SIZE, parseHeaderLine } from '../cvd/header.ts';
import type { Step } from './step.ts';
import { Tally } from './tally.ts';
import { unpackProvenCvd } from './unpack.ts';

/** Bytes of a CDIFF, and the version that it leads to. */
export interface CdiffSource {
  readonly version: number;
  readonly bytes: () => Iterable<Uint8Array>;
}

/**
 * Works out the changes of each step from a database and the CDIFFs behind it, in order. The database is read once: the
 * lines that edits take out are in there, or in an earlier CDIFF. Nothing is verified: the files were. It is unpacked in
 * `folder`, which is removed again. Throws `CvdError` if the files do not fit together, or if lines were joined.
 */
export async function changesByCdiffs(
  database: string,
  old: string,
  cdiffs: readonly CdiffSource[],
  folder: string,
): Promise<Step[]> {
  await using unpacked = await unpackProvenCvd(old, folder);
  const { names, header } = unpacked;
  if (header.version + 1 !== cdiffs[0]?.version)
    throw new CvdError('cvd/rebuild', `no CDIFF is given that leads on from ${database} ${header.version}`);
  const tallies = new Map(cdiffs.map(({ version }) => [version, new Tally()]));
  const built = new Map<number, string>();
  const patch = new Patch(names, (name) => copies(unpacked.read(name)), {
    added: (version, file, line) => {
      tallies.get(version)?.added(file, line);
      const time = file === `${database}.info` ? buildTimeIn(line) : undefined;
      if (time !== undefined) built.set(version, time);
    },
    removed: (version, file, line) => tallies.get(version)?.removed(file, line),
  });
  const states = [patch.names];
  for (const cdiff of cdiffs) {
    readScript(cdiff, patch.script(cdiff.version));
    states.push(patch.names);
  }
  patch.tellAll(names);
  return cdiffs.map(({ version }, at) => ({
    ...{ database, from: version - 1, to: version, source: 'cdiff' },
    ...timed(built.get(version)),
    files: tallies.get(version)?.changes(states[at] ?? new Set(), states[at + 1] ?? new Set()) ?? [],
  }));
}

/**
 * Works out the changes of a step from its CDIFF alone. That quotes only the beginning of a line that it removes: where
 * this does not hold the whole name, the line counts without one. A line that begins like the one in whose place it
 * comes has that one's name.
 */
export function changesByCdiffAlone(database: string, cdiff: CdiffSource): Step {
  const tally = new Tally();
  const [before, after] = [new Set<string>(), new Set<string>()];
  let built: string | undefined;
  let open = '';
  let edits = new Map<number, Edit>();
  const put = (text: Uint8Array | undefined) => {
    if (open === `${database}.info` && text !== undefined) built = buildTimeIn(text) ?? built;
  };
  const parser = new ScriptParser((command) => {
    switch (command.kind) {
      case 'open':
        open = command.file;
        edits = new Map();
        break;
      case 'add':
        if (command.text === undefined) break;
        after.add(open);
        tally.added(open, command.text);
        put(command.text);
        break;
      case 'del':
      case 'xchg':
        edits.set(command.line, copied(command)); // a later edit of the same line wins
        break;
      case 'close':
        for (const edit of edits.values()) {
          for (const files of [before, after]) files.add(open);
          const text = edit.kind === 'xchg' ? edit.text : undefined;
          tally.quoted(open, edit.prefix, text);
          put(text);
        }
        break;
      case 'unlink':
        before.add(command.file);
        after.delete(command.file);
        tally.gone(command.file);
        break;
      case 'move': {
        const lines = command.last.line - command.first.line + 1;
        for (const files of [before, after]) for (const file of [command.from, command.to]) files.add(file);
        tally.unnamed(command.from, -lines);
        tally.unnamed(command.to, lines);
      }
    }
  });
  readScript(cdiff, parser);
  return {
    ...{ database, from: cdiff.version - 1, to: cdiff.version, source: 'cdiff alone' },
    ...timed(built),
    files: tally.changes(before, after),
  };
}

function readScript(
  { version, bytes }: CdiffSource,
  script: { write(chunk: Uint8Array): void; end(): void },
): void {
  const reader = new CdiffReader({
    header: (header) => {
      if (header.version === version) return;
      throw new CvdError('cvd/cdiff', `the CDIFF to ${version} says that it leads to ${header.version}`);
    },
    script: (chunk) => script.write(chunk),
  });
  for (const chunk of bytes()) reader.write(chunk);
  reader.end();
  script.end();
}

/** A copy: the bytes of a command are only valid during its call. */
function copied(edit: Edit): Edit {
  const prefix = Uint8Array.from(edit.prefix);
  return edit.kind === 'del' ? { ...edit, prefix } : { ...edit, prefix, text: Uint8Array.from(edit.text) };
}

/** Build time in the first line of a database's `.info`. */
export function buildTimeIn(line: Uint8Array): string | undefined {
  const text = Buffer.from(line.buffer, line.byteOffset, Math.min(line.length, HEADER_SIZE)).toString(
    'latin1',
  );
  if (!text.startsWith('ClamAV-VDB:')) return undefined;
  try {
    return new Date(parseHeaderLine(text).stime * 1000).toISOString();
  } catch (error) {
    if (error instanceof CvdError) return undefined;
    throw error;
  }
}

function timed(built: string | undefined): Pick<Step, 'built'> {
  return built === undefined ? {} : { built };
}

/** Copies of chunks that are valid until the next one: `Patch` may hold a block for longer. */
function* copies(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const chunk of chunks) yield Uint8Array.from(chunk);
}
