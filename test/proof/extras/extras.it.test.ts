import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EngineError } from '../../../scripts/engine/engine.ts';
import type { ProvenExtras } from '../../../scripts/proof/prove-extras.ts';
import { eicar } from '../../../scripts/proof/samples/samples.ts';
import type { UserSample } from '../../../scripts/proof/samples/user-samples.ts';
import { fakeTools, openProver } from '../../support/clamav/engines.ts';
import { FOUND_BY_TALOS, foundByTalos } from '../../support/databases/found-by-talos.ts';
import { describeMirror, sha256 } from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';

interface Question {
  /** Extras by name. */
  readonly files: Readonly<Record<string, string>>;
  readonly allowed?: readonly string[];
  readonly samples?: Readonly<
    Record<string, { readonly text: string | Buffer; readonly expect: UserSample['expect'] }>
  >;
  /** PATH of the engine. */
  readonly path?: string;
}

/** Proves extras beside Talos' test database of version 6, with the ClamAV of this machine. */
async function prove({ files, allowed = [], samples = {}, path }: Question): Promise<ProvenExtras> {
  const work = await mkdtemp(join(tmpdir(), 'extras-'));
  try {
    const folder = join(work, 'stage');
    await mkdir(join(work, 'mine'), { recursive: true });
    await mkdir(folder);
    await cp(official('test-6.cvd'), join(folder, 'test.cvd'));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const mine = Object.entries(samples).map(([name, { expect }]) => ({
      path: join(work, 'mine', name),
      expect,
    }));
    for (const [name, { text }] of Object.entries(samples)) await writeFile(join(work, 'mine', name), text);
    const { extras } = await openProver(path, { samples: mine });
    const staged = new Map([['test', { version: 6, signatures: 10, fLevel: 81, cdiffs: null }]]);
    const proven = await extras?.({ folder, staged, names: Object.keys(files), allowed, workFolder: work });
    if (proven === undefined) throw new Error('nothing proves extras');
    return proven;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const list = (...names: string[]) => ['# allow list', ...names, ''].join('\n');
const signature = (name: string, text: string) => `${name}:0:*:${Buffer.from(text).toString('hex')}\n`;
const failedIn = ({ proof }: ProvenExtras) =>
  proof.results.filter(({ result }) => result === 'failed').map(({ evidence }) => evidence);

describeMirror('a proof of extras', () => {
  test('lets a real client take an allow list by its URL, empty or not, and counts what is off', async () => {
    const empty = await prove({ files: { 'local.ign2': list(), 'local.sfp': list() } });
    expect(failedIn(empty)).toEqual([]);
    const allowed = ['Clamav.Test.File-6', 'Not.There-1', 'a'.repeat(64)];
    const files = {
      'local.ign2': list('Clamav.Test.File-6', 'Not.There-1'),
      'local.sfp': list(`${'a'.repeat(64)}:*:allowed:73`),
    };
    const proven = await prove({ files, allowed });
    expect(failedIn(proven)).toEqual([]);
    expect(proven.proof.databases).toEqual({ test: 6 });
    expect(Object.fromEntries(proven.off)).toMatchObject({ 'Not.There-1': 0 });
    expect(proven.off.get('Clamav.Test.File-6')).toBeGreaterThan(0);
    expect(proven.refused.size).toBe(0);
  });

  test('refuses, by its name, an entry that hides EICAR', async () => {
    const proven = await prove({
      files: { 'local.ign2': list('Clamav.Test.File-6', 'Eicar-Test-Signature') },
      allowed: ['Clamav.Test.File-6', 'Eicar-Test-Signature'],
    });
    expect(proven.proof.passed).toBe(false);
    expect([...proven.refused.keys()]).toEqual(['Eicar-Test-Signature']);
  });

  test('refuses the hash of EICAR', async () => {
    const hash = sha256(Buffer.from(eicar()));
    const proven = await prove({ files: { 'local.sfp': list(`${hash}:*:allowed:73`) }, allowed: [hash] });
    expect([...proven.refused.keys()]).toEqual([hash]);
  });

  test('refuses an entry, and a list of others, that hides half a database', async () => {
    const ours = Array.from({ length: 20 }, (_, at) => signature('Ours.Bad-1', `something bad ${at}`)).join(
      '',
    );
    const entry = await prove({
      files: { 'ours.ndb': ours, 'local.ign2': list('Ours.Bad-1') },
      allowed: ['Ours.Bad-1'],
    });
    expect([...entry.refused.keys()]).toEqual(['Ours.Bad-1']);
    const others = await prove({ files: { 'ours.ndb': ours, 'others.ign2': list('Ours.Bad-1') } });
    expect(failedIn(others)).toHaveLength(1);
    expect(others.refused.size).toBe(0);
  });

  test('wants every infected sample to be found, but for what is allowed by its name or hash', async () => {
    const samples = { 'bad.exe': { text: foundByTalos(), expect: 'any' } } as const;
    const named = { 'local.ign2': list(FOUND_BY_TALOS) };
    expect(failedIn(await prove({ files: { 'local.ign2': list() }, samples }))).toEqual([]);
    expect(failedIn(await prove({ files: named, samples, allowed: [FOUND_BY_TALOS] }))).toEqual([]);
    expect(failedIn(await prove({ files: named, samples }))).toHaveLength(1);
    const hash = sha256(foundByTalos());
    const hashed = { 'local.sfp': list(`${hash}:*:allowed:73`) };
    expect(failedIn(await prove({ files: hashed, samples, allowed: [hash] }))).toEqual([]);
    expect(failedIn(await prove({ files: hashed, samples }))).toHaveLength(1);
  });

  test('refuses an extra that finds something in a clean sample, or that ClamAV cannot load', async () => {
    const samples = {
      'report.txt': { text: 'Nothing is wrong with this report.', expect: 'clean' },
    } as const;
    const eager = await prove({ files: { 'eager.ndb': signature('Eager-1', 'this report') }, samples });
    expect(failedIn(eager)).toHaveLength(1);
    expect(failedIn(await prove({ files: { 'broken.ndb': 'no signature\n' } }))).not.toEqual([]);
  });

  test('blames no entry of the allow list for an extra beside it', async () => {
    const samples = {
      'report.txt': { text: 'Nothing is wrong with this report.', expect: 'clean' },
    } as const;
    const four = ['one', 'two', 'three', 'four'].map((text) => signature('Ours.Bad-1', `${text} bad`));
    const files = {
      'eager.ndb': signature('Eager-1', 'this report') + four.join(''),
      'local.ign2': list('Ours.Bad-1'),
    };
    const proven = await prove({ files, samples, allowed: ['Ours.Bad-1'] });
    expect(failedIn(proven)).toHaveLength(1);
    expect(proven.refused.size).toBe(0);
  });

  test('blames no extra for an engine that fails without it, too', async () => {
    await using tools = await fakeTools({ clamscan: 'echo "cannot do that"; exit 2' });
    await expect(prove({ files: { 'local.ign2': list() }, path: tools.path })).rejects.toThrow(EngineError);
  });
});
