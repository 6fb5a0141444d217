import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Engine, Tool } from '../../../scripts/engine/engine.ts';
import { basisOf } from '../../../scripts/proof/basis.ts';
import type { Prove } from '../../../scripts/proof/prove.ts';
import type { UserSample } from '../../../scripts/proof/samples/user-samples.ts';
import { trusting } from '../../support/clamav/engines.ts';
import {
  describeMirror,
  faults,
  namesIn,
  offer,
  ofTest,
  startPublished,
  type TestMirror,
  untouched,
} from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';

const refusing: Prove = async (candidate) => ({
  ...(await trusting(candidate)),
  passed: false,
  results: [
    {
      engine: 'stand-in',
      scenario: 'a client arrives',
      result: 'failed',
      evidence: 'LibClamAV Error: line 7 is malformed',
      duration: 0,
    },
  ],
});
const byRefusing = { openProver: async () => refusing };
const byTrusting = { openProver: async () => trusting };
const noEngine = {
  openProver: async (): Promise<Prove> => {
    throw new Error('nothing should have been proven');
  },
};

async function stateOf(mirror: TestMirror) {
  return JSON.parse(await readFile(join(mirror.work, 'state.json'), 'utf8'));
}

describeMirror('a refused version', () => {
  test('is named with the engine and the line, and not tried again', async () => {
    await using mirror = await startPublished(1, 6);
    const first = ofTest(await untouched(mirror, () => mirror.sync(byRefusing)));
    expect(first).toMatchObject({ outcome: 'refused', code: 'proof/failed', from: 1, to: 1, offered: 6 });
    expect(first.reason).toMatch(/^stand-in \(ClamAV 0\): a client arrives: LibClamAV Error: line 7/);
    mirror.upstream.forget();
    const again = ofTest(await untouched(mirror, () => mirror.sync(noEngine)));
    expect(again).toMatchObject({ outcome: 'refused', code: 'proof/held', to: 1, offered: 6 });
    expect(again.reason).toMatch(/line 7 is malformed.*--retry/);
    expect(mirror.upstream.asked).toEqual(['test.cvd', 'test-1.cvd.sign']);
    expect(again.upstreamBytes).toBeLessThan(600);
  });

  test('is tried again when somebody asks, and forgotten when it passes', async () => {
    await using mirror = await startPublished(1, 6);
    await mirror.sync(byRefusing);
    expect((await stateOf(mirror)).quarantine.test).toMatchObject({ version: 6, code: 'proof/failed' });
    const flags = { retry: 'true' };
    expect(ofTest(await mirror.sync({ ...byTrusting, flags }))).toMatchObject({
      outcome: 'published',
      to: 6,
    });
    expect((await stateOf(mirror)).quarantine).toEqual({});
  });

  test('gives way to the next one, and that one is published', async () => {
    await using mirror = await startPublished(1, 5);
    await mirror.sync(byRefusing);
    offer(mirror, 6);
    mirror.upstream.remove('test-2.cdiff');
    expect(ofTest(await mirror.sync(byTrusting))).toMatchObject({ outcome: 'published', from: 1, to: 6 });
    expect((await stateOf(mirror)).quarantine).toEqual({});
  });

  test('is no longer held back when upstream withdraws it', async () => {
    await using mirror = await startPublished(1, 6);
    await mirror.sync(byRefusing);
    offer(mirror, 1);
    expect(ofTest(await mirror.sync(noEngine))).toMatchObject({ outcome: 'unchanged', to: 1 });
  });

  describe('that engines refused is tried again', () => {
    const NOW = '2026-11-21T08:00:00Z';
    const at = (time: string) => ({ now: () => new Date(time) });
    const refusingAs = (basis: string) => {
      return { openProver: async (): Promise<Prove> => Object.assign(refusing.bind(undefined), { basis }) };
    };
    const trustingAs = (basis: string) => {
      return { openProver: async (): Promise<Prove> => Object.assign(trusting.bind(undefined), { basis }) };
    };
    const held = { outcome: 'refused', code: 'proof/held', to: 1 };

    test('when the engines are others, and not before', async () => {
      await using mirror = await startPublished(1, 6);
      await mirror.sync({ ...refusingAs('one'), ...at(NOW) });
      expect((await stateOf(mirror)).quarantine.test).toMatchObject({ basis: 'one' });
      const soon = at('2026-11-21T09:00:00Z');
      expect(ofTest(await mirror.sync({ ...trustingAs('one'), ...soon }))).toMatchObject(held);
      expect(ofTest(await mirror.sync({ ...noEngine, ...soon }))).toMatchObject(held);
      expect(ofTest(await mirror.sync({ ...trustingAs('other'), ...soon }))).toMatchObject({
        outcome: 'published',
        to: 6,
      });
      expect((await stateOf(mirror)).quarantine).toEqual({});
    });

    test('after a day, with the same engines', async () => {
      await using mirror = await startPublished(1, 6);
      await mirror.sync({ ...refusingAs('one'), ...at(NOW) });
      const early = { ...trustingAs('one'), ...at('2026-11-22T07:59:59Z') };
      expect(ofTest(await mirror.sync(early))).toMatchObject(held);
      const late = { ...trustingAs('one'), ...at(`2026-11-22T08:00:00Z`) };
      expect(ofTest(await mirror.sync(late))).toMatchObject({ outcome: 'published', to: 6 });
    });

    test('after a day, where the state is of a version that would have waited for ever', async () => {
      await using mirror = await startPublished(1, 6);
      await mirror.sync({ ...byRefusing, ...at(NOW) });
      const state = await stateOf(mirror);
      state.quarantine.test = { ...state.quarantine.test, until: null };
      await writeFile(join(mirror.work, 'state.json'), JSON.stringify(state));
      const early = { ...byTrusting, ...at('2026-11-22T07:59:59Z') };
      expect(ofTest(await mirror.sync(early))).toMatchObject(held);
      const late = { ...byTrusting, ...at(`2026-11-22T08:00:00Z`) };
      expect(ofTest(await mirror.sync(late))).toMatchObject({ outcome: 'published', to: 6 });
    });

    test.each([
      ['another version', { version: '1.5.0' }, []],
      ['another name', { name: 'docker:x' }, []],
      ['no clamd', { tools: new Set<Tool>(['freshclam', 'clamscan']) }, []],
      ['other samples', {}, [{ path: '/a', expect: 'clean' }]],
    ] as const)('with %s engines are others', (_, change, samples) => {
      const engine = {
        name: 'native',
        version: '1.4.6',
        fLevel: 216,
        tools: new Set(),
        canAskNameserver: true,
      };
      const basis = (more: object, files: readonly UserSample[]) =>
        basisOf([{ ...engine, ...more } as unknown as Engine], files);
      expect(basis(change, samples)).not.toBe(basis({}, []));
      expect(basis({}, [])).toBe(basis({}, []));
    });
  });

  test('is not remembered for a trouble that may pass', async () => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.fail('test-3.cdiff', { status: 503 });
    expect(ofTest(await mirror.sync(byTrusting))).toMatchObject({ outcome: 'failed' });
    mirror.upstream.fail('test-3.cdiff');
    expect(ofTest(await mirror.sync(byTrusting))).toMatchObject({ outcome: 'published', to: 6 });
  });

  test('does not keep missing CDIFFs of the published one from being healed', async () => {
    await using mirror = await startPublished(3, 5); // without test-4.cdiff
    expect(ofTest(await mirror.sync(byTrusting))).toMatchObject({ outcome: 'published', to: 5 });
    mirror.upstream.set('test.cvd', official('test-6.cvd'));
    mirror.upstream.set('test-6.cdiff', official('test-6.cdiff'));
    expect(ofTest(await mirror.sync(byRefusing))).toMatchObject({ outcome: 'refused', to: 5 });
    mirror.upstream.set('test-4.cdiff', official('test-4.cdiff'));
    expect(ofTest(await mirror.sync(byTrusting))).toMatchObject({ code: 'proof/held', to: 5, offered: 6 });
    expect(await namesIn(mirror.store)).toContain('test-4.cdiff');
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('makes the command end with 3 each time', async () => {
    await using mirror = await startPublished(1, 6);
    await mirror.sync(byRefusing);
    const run = await untouched(mirror, () => mirror.syncCli());
    expect(run.exitCode).toBe(3);
    expect(run.json()).toMatchObject({ outcome: 'refused', proof: null });
    expect((await mirror.syncCli(['--retry'])).exitCode).toBe(0);
  });

  test('needs no quarantine in a state from before there was one', async () => {
    await using mirror = await startPublished(1, 6);
    const { quarantine: _, ...before } = await stateOf(mirror);
    await writeFile(join(mirror.work, 'state.json'), JSON.stringify(before));
    expect(ofTest(await mirror.sync(byTrusting))).toMatchObject({ outcome: 'published' });
    expect((await stateOf(mirror)).uuid).toBe(before.uuid);
  });
});
