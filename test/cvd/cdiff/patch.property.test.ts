import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Patch } from '../../../scripts/cvd/cdiff/patch.ts';
import {
  anyFiles,
  anySizes,
  anySteps,
  encodeScript,
  inPieces,
  scriptFor,
  unlessTooLarge,
} from '../../support/databases/generate.ts';
import type { Files } from '../../support/databases/naive.ts';

/** Applies scripts through `Patch`, with everything cut into pieces. */
function patched(files: Files, scripts: readonly Buffer[], sizes: readonly number[]): Files {
  const patch = new Patch(files.keys(), (name) => inPieces(files.get(name) ?? Buffer.alloc(0), sizes));
  for (const [index, bytes] of scripts.entries()) {
    const script = patch.script(index + 1);
    for (const piece of inPieces(bytes, sizes)) script.write(piece);
    script.end();
  }
  return new Map([...patch.names].map((name) => [name, Buffer.concat([...patch.read(name)])]));
}

test('a chain of scripts makes the files that the plain reference makes, however the bytes arrive', () => {
  fc.assert(
    fc.property(
      anyFiles,
      fc.array(anySteps, { minLength: 1, maxLength: 4 }),
      anySizes,
      (files, versions, sizes) => {
        let state = files;
        const scripts = versions.map((steps) => {
          const { commands, files: after } = scriptFor(state, steps);
          state = after;
          return encodeScript(commands);
        });
        expect(unlessTooLarge(() => patched(files, scripts, sizes))).toEqual(state);
      },
    ),
    { numRuns: 1000 },
  );
});
