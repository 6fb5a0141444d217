import { expect, test } from 'vitest';
import type { Engine } from '../../scripts/engine/engine.ts';
import { basisOf } from '../../scripts/proof/basis.ts';

const IMAGE = `clamav/clamav@sha256:${'a'.repeat(64)}`;
const engine = (change: Partial<Engine>): Engine => ({
  name: 'native',
  version: '1.5.4',
  fLevel: 230,
  tools: new Set(['freshclam', 'clamscan']),
  hostAddress: '127.0.0.1',
  daemon: { inside: undefined },
  databaseOwner: 'root',
  canAskNameserver: true,
  start: () => Promise.reject(new Error('it starts nothing')),
  ...change,
});
const basis = (change: Partial<Engine>) => basisOf([engine(change)]);

test('the basis of a proof is the same in each run: a service is known by its image, and not by its container', () => {
  const one = basis({ name: 'container:0a1b', image: IMAGE });
  expect(basis({ name: 'container:2c3d', image: IMAGE })).toBe(one);
  expect(basis({ name: 'container:2c3d', image: IMAGE.replaceAll('a', 'b') })).not.toBe(one);
});

test.each<[string, Partial<Engine>]>([
  ['name', { name: 'docker:clamav' }],
  ['version', { version: '1.5.5' }],
  ['f-level', { fLevel: 231 }],
  ['tools', { tools: new Set(['freshclam', 'clamscan', 'clamd']) }],
])('another %s makes another basis', (_, change) => {
  expect(basis(change)).not.toBe(basis({}));
});
