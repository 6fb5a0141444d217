import { expect, test } from 'vitest';
import { parseImage, withoutPin } from '../../../scripts/engine/images/reference.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

test.each([
  ['clamav/clamav:1.4', 'docker.io', 'clamav/clamav', '1.4', undefined],
  [`docker.io/clamav/clamav:1.5.4@${DIGEST}`, 'docker.io', 'clamav/clamav', '1.5.4', DIGEST],
  ['debian', 'docker.io', 'library/debian', undefined, undefined],
  ['localhost/clamav:1', 'localhost', 'clamav', '1', undefined],
  ['127.0.0.1:5000/a/b/c:1', '127.0.0.1:5000', 'a/b/c', '1', undefined],
  [`ghcr.io/acme/clamav@${DIGEST}`, 'ghcr.io', 'acme/clamav', undefined, DIGEST],
])('%s names an image', (text, registry, repository, tag, digest) => {
  expect(parseImage(text)).toEqual({ registry, repository, tag, digest });
});

test.each(['', '-v', 'a b', 'clamav:1.4@sha256:12', 'clamav\n', 'https://docker.io/a'])(
  '%j names none',
  (text) => {
    expect(parseImage(text)).toBeUndefined();
  },
);

test.each([
  ['1.5.4', '1.5'],
  ['1.5', '1.5'],
  ['1.4.3-17', '1.4'],
  ['1.4_base', '1.4_base'],
  ['1.5.4-2_base', '1.5_base'],
  ['stable', 'stable'],
])('an image pinned at %s goes back to %s', (tag, feature) => {
  const name = 'registry.example:5000/security/clamav';
  expect(withoutPin(`${name}:${tag}@${DIGEST}`)).toBe(`${name}:${feature}`);
});

test.each(['clamav/clamav:1.4', `clamav/clamav@${DIGEST}`, DIGEST])(
  '%s has no tag to go back to',
  (image) => {
    expect(withoutPin(image)).toBeUndefined();
  },
);
