import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ChangeCounter } from '../../../scripts/cvd/cdiff/changes.ts';
import { ScriptParser } from '../../../scripts/cvd/cdiff/script.ts';
import { CvdWriter } from '../../../scripts/cvd/container/writer.ts';
import { encodeHeader, parseHeader } from '../../../scripts/cvd/header.ts';
import { Rebuild } from '../../../scripts/cvd/rebuild.ts';
import { readContainer, scriptOf } from '../../support/databases/containers.ts';
import { describeWithOfficial, official } from '../../support/setup/official.ts';

const readOfficial = (name: string) => readFileSync(official(name));

/** The last version, rebuilt from what upstream has of the versions in between. */
function rebuilt(database: string, old: Buffer, versions: readonly number[], target: Buffer): Buffer {
  const header = parseHeader(target.subarray(0, 512));
  const cdiffs = versions.map((version) => ({
    version,
    bytes: [readOfficial(`${database}-${version}.cdiff`)],
  }));
  const rebuild = new Rebuild({ database, old: () => [old], cdiffs, header });
  const chunks: Uint8Array[] = [];
  const writer = new CvdWriter(header, target.subarray(512, 522), (chunk) => chunks.push(chunk));
  for (const chunk of rebuild.tar()) writer.write(chunk);
  expect(writer.end().md5).toBe(header.md5);
  return Buffer.concat(chunks);
}

describeWithOfficial("Talos' own CVDs", () => {
  test.each([2, 3, 4, 5, 6])('version %i comes out of the one before, to the last bit', (version) => {
    const target = readOfficial(`test-${version}.cvd`);
    const made = rebuilt('test', readOfficial(`test-${version - 1}.cvd`), [version], target);
    expect(made.equals(target)).toBe(true);
  });

  test('version 6 comes out of version 1 and five CDIFFs, to the last bit', () => {
    const target = readOfficial('test-6.cvd');
    expect(rebuilt('test', readOfficial('test-1.cvd'), [2, 3, 4, 5, 6], target).equals(target)).toBe(true);
  });

  test('version 6 comes out of a version that was itself rebuilt', () => {
    const target = readOfficial('test-6.cvd');
    const third = rebuilt('test', readOfficial('test-1.cvd'), [2, 3], readOfficial('test-3.cvd'));
    expect(rebuilt('test', third, [4, 5, 6], target).equals(target)).toBe(true);
  });

  test.each([
    ['test', 'test-1.cvd'],
    ['test', 'test-6.cvd'],
    ['bytecode', 'bytecode.cvd'],
  ])('the %s container %s is packed as we pack it', (database, name) => {
    const cvd = readOfficial(name);
    const { header, files } = readContainer(cvd);
    expect(Buffer.from(encodeHeader(header ?? parseHeader(cvd))).equals(cvd.subarray(0, 512))).toBe(true);
    expect(rebuilt(database, cvd, [], cvd).equals(cvd)).toBe(true);
    expect([...files.keys()].slice(0, 2)).toEqual(['COPYING', `${database}.info`]);
  });

  test('the changes of a CDIFF can be told', () => {
    const counter = new ChangeCounter();
    const parser = new ScriptParser((command) => counter.add(command));
    parser.write(scriptOf(readOfficial('test-5.cdiff')));
    parser.end();
    const none = { deleted: 0, movedOut: 0, movedIn: 0, unlinked: false };
    expect(counter.files).toEqual([
      { ...none, file: 'test.info', added: 0, exchanged: 3 },
      { ...none, file: 'test.ndb', added: 1, exchanged: 0 },
    ]);
  });
});
