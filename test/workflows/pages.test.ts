import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { actionlintProblems, languageProblems } from './linters.ts';
import { breaches } from './policy.ts';

const read = (...path: string[]) => readFileSync(join(import.meta.dirname, '..', '..', ...path), 'utf8');
const NAME = 'mirror-pages.yml';
/** As somebody copies it. */
const copied = read('site', 'hosts', 'pages', NAME);
/** Our own action in the place of a release. */
const ours = copied
  .replaceAll(/OWNER\/clamav-mirror@SHA # VERSION$/gm, './')
  .replace('ref: SHA', `ref: ${'0'.repeat(40)}`);

test('the workflow for Pages says at its top how many places need a release', () => {
  expect(copied.match(/^ .*(OWNER|\bSHA\b)/gm)).toHaveLength(4);
});

test("is clean under GitHub's language service, with the inputs of our action", async () => {
  expect(await languageProblems(NAME, ours, read('action.yml'))).toEqual([]);
  const typo = ours.replace('max-mirror-size:', 'max-mirrorsize:');
  expect(await languageProblems(NAME, typo, read('action.yml'))).toHaveLength(1);
});

test('is clean under actionlint', async () => {
  expect(await actionlintProblems(NAME, ours)).toEqual([]);
});

test('follows our rules', () => {
  expect(breaches(ours)).toEqual([]);
});
