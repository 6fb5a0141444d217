import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Patch } from '../../../scripts/cvd/cdiff/patch.ts';
import { TarReader } from '../../../scripts/cvd/container/tar.ts';
import {
  type ContainerOrder,
  encodeTar,
  orderOf,
  type TarFile,
} from '../../../scripts/cvd/container/writer.ts';
import { Gzip } from '../../../scripts/cvd/deflate/gzip.ts';
import { parseInfo } from '../../../scripts/cvd/info.ts';
import { applyWithSigtool, SigtoolFolder } from '../../support/clamav/sigtool.ts';
import { diffScript } from '../../support/databases/chain.ts';
import { readContainer, scriptOf } from '../../support/databases/containers.ts';
import {
  anyFiles,
  anySteps,
  encodeScript,
  scriptFor,
  unlessTooLarge,
} from '../../support/databases/generate.ts';
import { GOLDEN_FILES, INVALID_SCRIPTS, VALID_SCRIPTS } from '../../support/databases/golden-scripts.ts';
import type { Files } from '../../support/databases/naive.ts';
import { signatureLine } from '../../support/databases/signatures.ts';
import { describeWithClamav, describeWithOfficial, official } from '../../support/setup/official.ts';

function patched(files: Files, scripts: readonly Uint8Array[]): Files {
  const patch = new Patch(files.keys(), (name) => [files.get(name) ?? Buffer.alloc(0)]);
  for (const [index, bytes] of scripts.entries()) {
    const script = patch.script(index + 2);
    script.write(bytes);
    script.end();
  }
  return new Map([...patch.names].map((name) => [name, Buffer.concat([...patch.read(name)])]));
}

describeWithClamav('the real sigtool', () => {
  test.each(VALID_SCRIPTS)('accepts a script with $what, and makes the same of it', ({ script }) => {
    const bytes = Buffer.from(script, 'latin1');
    expect(applyWithSigtool(GOLDEN_FILES, bytes)).toEqual(patched(GOLDEN_FILES, [bytes]));
  });

  test.each(INVALID_SCRIPTS)('$clamav a script with $why', ({ script, clamav }) => {
    const attempt = () => applyWithSigtool(GOLDEN_FILES, Buffer.from(script, 'latin1'));
    if (clamav === 'accepts') expect(attempt).not.toThrow();
    else expect(attempt).toThrow(/sigtool/);
  });

  test('makes the same of any script', () => {
    fc.assert(
      fc.property(anyFiles, anySteps, (files, steps) => {
        const script = encodeScript(scriptFor(files, steps).commands);
        expect(unlessTooLarge(() => patched(files, [script]))).toEqual(applyWithSigtool(files, script));
      }),
      { numRuns: 60 },
    );
  });
});

describeWithOfficial("Talos' own CDIFFs", () => {
  describeWithClamav('beside the real sigtool', () => {
    test('make the same files, each with all that it says', () => {
      using folder = new SigtoolFolder();
      folder.run(`--unpack=${official('test-1.cvd')}`);
      const first = folder.read();
      const scripts: Buffer[] = [];
      for (const version of [2, 3, 4, 5, 6]) {
        const cdiff = official(`test-${version}.cdiff`);
        folder.run(`--run-cdiff=${cdiff}`);
        scripts.push(scriptOf(readFileSync(cdiff)));
        expect(patched(first, scripts)).toEqual(folder.read());
        expect(folder.read()).toEqual(readContainer(readFileSync(official(`test-${version}.cvd`))).files);
      }
    });
  });
});

/** The files of a database that ClamAV can load; `edition` changes some of them. */
function database(edition: number): Map<string, Buffer> {
  const lines = (form: number, count: number, changed: number) => {
    const ids = Array.from({ length: count + 20 * edition }, (_, id) => id).filter(
      (id) => edition === 1 || id % 50 !== 49,
    );
    return Buffer.from(ids.map((id) => signatureLine(form, id, id % changed === 0 ? edition : 1)).join(''));
  };
  return new Map([
    ['COPYING', Buffer.from('Whoever reads this is running a test.\n')],
    ['test.hdb', lines(0, 300, 20)],
    ['test.hsb', lines(1, 300, 30)],
    ['test.ndb', lines(3, 300, 300)],
  ]);
}

/** Builds a container with sigtool; gives its file. */
function build(folder: SigtoolFolder, version: number, ...options: readonly string[]): Buffer {
  const name = `test-${version}.cud`;
  folder.run(
    '--build=test.cud',
    '--unsigned',
    `--cvd-version=${version}`,
    '--no-cdiff',
    '--datadir=.',
    ...options,
  );
  const path = join(folder.path, 'test.cud');
  const cud = readFileSync(path);
  folder.write(new Map([[name, cud]]));
  return cud;
}

/** A CUD's header is neither sealed nor unsealed, so that only its body is read here. */
function unpack(cud: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  let current = '';
  const reader = new TarReader({
    entry: ({ name }) => {
      current = name;
      files.set(name, Buffer.alloc(0));
    },
    data: (chunk) => files.set(current, Buffer.concat([files.get(current) ?? Buffer.alloc(0), chunk])),
  });
  reader.write(gunzipSync(cud.subarray(512)));
  reader.end();
  return files;
}

function packed(files: Files, gzipHeader: Uint8Array): Buffer {
  const chunks: Uint8Array[] = [];
  const gzip = new Gzip(gzipHeader, (chunk) => chunks.push(chunk));
  const entries = [...files].map(([name, data]): TarFile => ({ name, size: data.length, data: [data] }));
  for (const chunk of encodeTar(entries)) gzip.write(chunk);
  gzip.end();
  return Buffer.concat(chunks);
}

describeWithClamav('a container that the real sigtool builds', () => {
  test('is the one that we build', () => {
    using folder = new SigtoolFolder();
    folder.write(database(1));
    expectOurs(build(folder, 1), 'info');
  });

  test('and the difference that sigtool writes lead to the next one', () => {
    using folder = new SigtoolFolder();
    folder.write(database(1));
    const before = unpack(build(folder, 1));
    folder.write(database(2));
    const after = unpack(build(folder, 2));
    folder.run('--diff', 'test-1.cud', 'test.cud');
    const script = folder.read().get('test-2.script') ?? Buffer.alloc(0);
    for (const command of [/^DEL /m, /^XCHG /m, /^ADD /m]) expect(script.toString()).toMatch(command);
    expect(patched(before, [script])).toEqual(after);
    expect(patched(before, [diffScript(before, after)])).toEqual(after);
    expect(applyWithSigtool(before, diffScript(before, after))).toEqual(after);
  });
});

describeWithOfficial('with bytecode', () => {
  describeWithClamav('a hybrid container that the real sigtool builds', () => {
    test('is the one that we build', () => {
      using folder = new SigtoolFolder();
      folder.run(`--unpack=${official('bytecode.cvd')}`);
      folder.write(database(1));
      folder.write(new Map([['last.hdb', Buffer.from(signatureLine(0, 1000))]]));
      expectOurs(build(folder, 1, '--hybrid'), 'hybrid');
    });
  });
});

/** Packs a container's files again, in the order that its `.info` gives. */
function expectOurs(cud: Buffer, order: ContainerOrder): void {
  const files = unpack(cud);
  const dsig = Buffer.from(`DSIG:${'a'.repeat(342)}\n`); // nobody signed it
  const info = parseInfo(Buffer.concat([files.get('test.info') ?? Buffer.alloc(0), dsig]));
  const ordered = orderOf('test', info, order).map(
    (name) => [name, files.get(name) ?? Buffer.alloc(0)] as const,
  );
  expect(packed(new Map(ordered), cud.subarray(512, 522)).equals(cud.subarray(512))).toBe(true);
}
