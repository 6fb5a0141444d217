import { expect, test } from 'vitest';
import { DEFAULT_IMAGES, PINNED_IMAGES } from '../../scripts/engine/default-images.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

test('the native engine is one word', () => {
  expect(parseEngineSpec('native')).toEqual({ kind: 'native', name: 'native' });
});

test.each([
  'clamav',
  'clamav/clamav:1.4',
  'registry.example:5000/security/clamav:1.4_base',
  `clamav/clamav:1.5.4@${DIGEST}`,
  `clamav/clamav@${DIGEST}`,
  DIGEST,
])('an image may be called %s', (image) => {
  expect(parseEngineSpec(`docker:${image}`)).toEqual({ kind: 'docker', name: `docker:${image}`, image });
});

test.each(['4f2c9a', 'clamav_1', 'my.clamav-2'])('a container may be called %s', (id) => {
  expect(parseEngineSpec(`container:${id}`)).toEqual({ kind: 'container', name: `container:${id}`, id });
});

test.each([
  '',
  ' native',
  'Native',
  'native:',
  'podman:clamav',
  'docker',
  'docker:',
  'docker:--privileged',
  'docker:clamav 1.4',
  'docker:clamav:1.4@sha256:12',
  'docker:clamav:a:b',
  'docker:/clamav',
  'docker:clamav\n',
  'container:',
  'container:--help',
  'container:a/b',
  'container:a:b',
])('%j is no engine', (text) => {
  expect(() => parseEngineSpec(text)).toThrow(expect.objectContaining({ code: 'engine/spec' }));
});

test.each(PINNED_IMAGES)('$role is the image that is pinned for it', ({ role, image }) => {
  expect(parseEngineSpec(role)).toEqual({ kind: 'docker', name: `docker:${image}`, image });
});

test('the default images are pinned by digest', () => {
  expect(DEFAULT_IMAGES).toHaveLength(2);
  for (const image of DEFAULT_IMAGES) {
    expect(parseEngineSpec(`docker:${image}`)).toMatchObject({ image });
    expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
  }
});
