import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HIDDEN_SIGNATURES } from '../../base/limits/given.ts';
import { counted } from '../../base/words.ts';
import { isException, withoutUnofficial } from '../../cvd/extra-names.ts';
import { chunksOf } from '../../files/open.ts';
import { requireStagedVersions, update } from '../clients/freshclam.ts';
import { hashOf } from '../clients/staged.ts';
import { isEicar, type Sample, SCAN_LIMITS, writeSamples } from '../samples/samples.ts';
import { asPublished, EICAR } from './eicar.ts';
import { readVerdicts, requireVerdicts } from './scan.ts';
import { inFolder, type Scenario, ScenarioFailure, ScenarioSkipped, type Scene } from './scenario.ts';

/** Files to prove beside the databases of a candidate, in whose folder they are. */
export interface ExtrasInQuestion {
  readonly names: readonly string[];
  /** Entries of the allow list: names of signatures, and SHA-256 of files. */
  readonly allowed: readonly string[];
}

/** Things that a proof finds out about single entries of the allow list. */
export interface EntryFindings {
  /** Signatures that are off by an entry's name, as one engine counts them. Zero: no database has one of this name. */
  readonly off: Map<string, number>;
  /** Entries that must not be, and why. */
  readonly refused: Map<string, string>;
}

/**
 * Scenarios of a client that takes the databases from its `DatabaseMirror` and the extras by `DatabaseCustomURL`: first
 * those by which it finds more, then those by which it finds less, so that these are measured.
 */
export function extrasClient({ names, allowed }: ExtrasInQuestion, found: EntryFindings): Scenario[] {
  const before = new Before();
  const finders = names.filter((name) => !isException(name));
  const exceptions = names.filter(isException);
  const arrive: Scenario = {
    name: 'a client takes the databases, and the extras by DatabaseCustomURL',
    client: 'extras',
    async play(scene) {
      const { run } = await update(scene);
      const databases = await requireStagedVersions(scene, run);
      return [databases, await takeExtras(scene, finders)].filter((text) => text !== '').join(', ');
    },
  };
  const judge: Scenario = {
    name: 'clamscan, with the extras, judges every sample rightly',
    client: 'extras',
    sets: 1,
    play: async (scene) => await before.scan(scene),
  };
  const except: Scenario = {
    name: 'clamscan, with the allow list, finds what it found before but for what is on the list',
    client: 'extras',
    sets: 1,
    async play(scene) {
      if (before.signatures === 0) throw new ScenarioSkipped('nothing was measured without it'); // no entry is to blame
      const taken = await takeExtras(scene, exceptions);
      return `${taken}; ${await scanExcepted(scene, { exceptions, allowed }, before, found)}`;
    },
  };
  return exceptions.length === 0 ? [arrive, judge] : [arrive, judge, except];
}

/** Lets freshclam take extras, each loaded before it is used, and requires their bytes. Names them. */
async function takeExtras(scene: Scene, names: readonly string[]): Promise<string> {
  if (names.length === 0) return '';
  const { run } = await update(scene, { custom: names, testDatabases: true });
  const there = new Set(await readdir(join(scene.folder, 'db')));
  for (const name of names) {
    const [served, got] = [join(scene.candidate.folder, name), join(scene.folder, 'db', name)];
    if (there.has(name) && (await hashOf(served)) === (await hashOf(got))) continue;
    const said = run.output.split('\n').filter((line) => line.includes(name) || /error|can't/i.test(line));
    throw new ScenarioFailure(`freshclam does not take ${name}: ${said.join('; ').slice(0, 500)}`);
  }
  return names.join(', ');
}

/** Verdicts and count of a client before it has any exception. */
class Before {
  verdicts: ReadonlyMap<string, string> = new Map();
  samples: readonly Sample[] = [];
  signatures = 0;

  async scan(scene: Scene): Promise<string> {
    const samples = await samplesOf(scene);
    const { ended, folder, verdicts, signatures } = await scan(scene);
    this.samples = await asFound(scene, samples, verdicts);
    const evidence = requireVerdicts(ended, folder, this.samples);
    Object.assign(this, { verdicts, signatures });
    return `${counted(signatures, 'signature')}; ${evidence}`;
  }
}

/** Samples with the verdicts to expect: by which name something is found matters no more, as others name it, too. */
async function samplesOf(scene: Scene): Promise<Sample[]> {
  const counts = new Map([...scene.candidate.staged].map(([name, { signatures }]) => [name, signatures]));
  const samples = await writeSamples(join(scene.folder, 'samples'), counts, scene.samples);
  return samples.map((one) => ({ ...one, expected: one.expected === 'clean' ? 'clean' : 'any' }));
}

/** Of databases that find no EICAR by themselves, nobody expects it. */
async function asFound(
  scene: Scene,
  samples: readonly Sample[],
  verdicts: ReadonlyMap<string, string>,
): Promise<readonly Sample[]> {
  return verdicts.get(EICAR) === 'OK' ? await asPublished(scene, samples, 'OK') : samples;
}

/** Runs clamscan over the samples. Debug output goes to `onDebug` line by line, and is not kept. */
async function scan(scene: Scene, onDebug?: (line: string) => void) {
  let folder = '';
  const isKept = (line: string) => {
    const isDebug = line.startsWith(DEBUG);
    if (isDebug) onDebug?.(line);
    return !isDebug;
  };
  const task = inFolder(scene, {
    tool: 'clamscan',
    args: (at) => {
      folder = `${at}/samples`;
      const debug = onDebug === undefined ? [] : ['--debug'];
      return [`--database=${at}/db`, ...debug, ...SCAN_LIMITS, '--recursive', folder];
    },
    isKept,
  });
  const program = await scene.engine.start(task);
  const ended = await program.ended;
  scene.loaded?.(program.peakMemory?.());
  const signatures = Number(/^Known viruses: (\d+)$/m.exec(ended.output)?.[1] ?? 0);
  return { ended, folder, verdicts: readVerdicts(ended.output, folder), signatures };
}

const DEBUG = 'LibClamAV debug: ';
const IGNORED = `${DEBUG}Ignoring signature `;

/** Scans once more with the exceptions. Throws if anything is hidden that nobody has named, or too much. */
async function scanExcepted(
  scene: Scene,
  { exceptions, allowed }: { readonly exceptions: readonly string[]; readonly allowed: readonly string[] },
  before: Before,
  { off, refused }: EntryFindings,
): Promise<string> {
  const counts = new Map(allowed.filter((what) => !isHash(what)).map((name) => [name, 0]));
  const { ended, folder, verdicts, signatures } = await scan(scene, (line) => {
    const name = line.startsWith(IGNORED) ? line.slice(IGNORED.length).trim() : '';
    const count = counts.get(name);
    if (count !== undefined) counts.set(name, count + 1);
  });
  const listed = new Set(allowed);
  const entryFor = async ({ name }: Sample) => {
    const hash = await hashOf(join(scene.folder, 'samples', name));
    return [withoutUnofficial(before.verdicts.get(name) ?? ''), hash].find((what) => listed.has(what));
  };
  const expected: Sample[] = [];
  for (const sample of before.samples) {
    const entry =
      sample.expected !== 'clean' && verdicts.get(sample.name) === 'OK' && (await entryFor(sample));
    if (entry && isEicar(sample)) refused.set(entry, 'with it, EICAR is not found');
    if (!entry) expected.push(sample);
  }
  const most = mayBeHidden(before.signatures);
  for (const [name, count] of counts) {
    off.set(name, Math.max(count, off.get(name) ?? 0));
    if (count > most)
      refused.set(name, `it switches off ${count} of ${counted(before.signatures, 'signature')}`);
  }
  for (const [what, why] of refused) throw new ScenarioFailure(`${what} must not be allowed: ${why}`);
  const evidence = requireVerdicts(ended, folder, expected);
  const named = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const added = await linesIn(
    exceptions.filter((name) => /fp$/.test(name)).map((name) => join(scene.folder, 'db', name)),
  );
  const others = before.signatures + added - signatures - named;
  if (others > most) {
    throw new ScenarioFailure(
      `others' lists switch off ${others} of ${counted(before.signatures, 'signature')}`,
    );
  }
  const switched = [...counts].map(([name, count]) => `${name} off (${counted(count, 'signature')})`);
  return [...switched, evidence].join('; ');
}

/** Signatures that may be off in a set of this size. */
export function mayBeHidden(signatures: number): number {
  const { most, share, least } = HIDDEN_SIGNATURES;
  return Math.max(least, Math.min(most, Math.floor(signatures * share)));
}

function isHash(what: string): boolean {
  return /^[0-9a-f]{64}$/.test(what);
}

/** Number of entries in these files, each of which counts as a signature. */
async function linesIn(paths: readonly string[]): Promise<number> {
  let count = 0;
  for (const path of paths) {
    let isStart = true;
    for await (const chunk of chunksOf(path)) {
      for (const byte of chunk) {
        const isBreak = byte === 0x0a || byte === 0x0d;
        if (isStart && !isBreak && byte !== 0x23) count++;
        isStart = isBreak;
      }
    }
  }
  return count;
}
