import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tool } from '../../scripts/engine/engine.ts';
import { proveWith } from '../../scripts/proof/prove.ts';
import { fakeTools, knowing, openProver } from '../support/clamav/engines.ts';
import {
  describeMirror,
  expectNoLeftovers,
  namesIn,
  offer,
  ofTest,
  startMirror,
  type TestMirror,
  untouched,
} from '../support/mirror/cycle.ts';
import { everyNth } from '../support/sample.ts';

/** Those that are tried on a mirror that has something to lose, too. */
const SOME = [
  'clamscan names EICAR and exits 2',
  'clamscan detects a safe sample',
  'freshclam exits 0 and brings nothing',
  'freshclam exits 0 and brings version 5',
];

/** The same version is tried with each lie. */
const RETRY = { retry: 'true' };

describeMirror('what proves a stage', () => {
  /** One mirror that never published anything, and one with version 1. */
  let empty: TestMirror;
  let filled: TestMirror;
  beforeAll(async () => {
    [empty, filled] = [await startMirror(), await startMirror(1)];
    expect((await filled.sync()).outcome).toBe('published');
    offer(filled, 6);
    filled.upstream.remove('test-2.cdiff'); // so that it is downloaded: a rebuild takes longer
  });
  afterAll(async () => {
    await empty[Symbol.asyncDispose]();
    await filled[Symbol.asyncDispose]();
  });

  const scanning = (script: string) => ({ clamscan: `has 6 || exec "$REAL" "$@"; ${script}` });
  const updating = (script: string) => ({ freshclam: `"$REAL" "$@"; has 6 && { ${script}; }; exit 0` });
  /** Of version 6 alone, so that it is not the engine that is broken. */
  const lies: Readonly<Record<string, Partial<Record<Tool, string>>>> = {
    'clamscan names EICAR and exits 2': scanning('"$REAL" "$@"; exit 2'),
    'clamscan names EICAR and reports an error beside it': scanning(
      '"$REAL" "$@"; S=$?; echo "/x: Can\'t open file ERROR" >&2; exit $S',
    ),
    'clamscan names EICAR and crashes': scanning('"$REAL" "$@"; kill -SEGV $$'),
    'clamscan gives EICAR another name': scanning('"$REAL" "$@" | sed s/Eicar-Test/Win.Other/; exit 1'),
    'clamscan detects a safe sample': scanning(
      '"$REAL" "$@" | sed "s/page.html: OK/page.html: Html.Phishing FOUND/"; exit 1',
    ),
    'clamscan leaves a sample out': scanning('"$REAL" "$@" | grep -v pixel.png; exit 1'),
    'clamscan is silent and exits 1': scanning('exit 1'),
    'clamscan is silent and exits 0': scanning('exit 0'),
    'freshclam exits 0 and brings nothing': updating('rm "$D"/test.*'),
    'freshclam exits 0 and brings version 5': updating('rm "$D"/test.*; cp "$OLD" "$D/test.cvd"'),
    'freshclam exits 0 and brings a page': updating(`rm "$D"/test.*; echo '<html>' > "$D/test.cvd"`),
    'freshclam leaves two databases of one name': updating('cp "$D/test.cvd" "$D/test.cld"'),
  };
  const liar = (name: string): Partial<Record<Tool, string>> =>
    Object.fromEntries(
      Object.entries(lies[name] ?? {}).map(([tool, script]) => [tool, `${knowing('test', 6)}; ${script}`]),
    );

  test.each(Object.keys(lies))('defects 12 and 13: an empty mirror stays empty when %s', async (name) => {
    await using tools = await fakeTools(liar(name));
    const report = await empty.sync({ flags: RETRY, openProver: () => openProver(tools.path) });
    expect(report).toMatchObject({ outcome: 'refused', proof: { passed: false } });
    expect(ofTest(report)).toMatchObject({ outcome: 'refused', code: 'proof/failed', to: null, offered: 6 });
    const failed = report.proof?.results.find(({ result }) => result === 'failed');
    expect(failed?.scenario).toMatch(name.startsWith('clamscan') ? /^clamscan/ : /^a client/);
    expect(await namesIn(empty.store)).toEqual([]);
  });

  test.each(everyNth(2, SOME))('defect 12: a mirror keeps what it has when %s', async (name) => {
    await using tools = await fakeTools(liar(name));
    const report = await untouched(filled, () =>
      filled.sync({ flags: RETRY, openProver: () => openProver(tools.path) }),
    );
    expect(report).toMatchObject({ outcome: 'refused', proof: { passed: false } });
    expect(ofTest(report)).toMatchObject({
      outcome: 'refused',
      code: 'proof/failed',
      from: 1,
      to: 1,
      offered: 6,
    });
    await expectNoLeftovers(filled);
  });

  test('a freshclam that hangs is killed with its children when its time is up, and nothing is published', async () => {
    const breathe = 'while :; do date > "$HERE/breath"; sleep 0.02; done';
    await using tools = await fakeTools({ freshclam: `(${breathe}) & wait` });
    const report = await untouched(filled, () =>
      filled.sync({ flags: RETRY, openProver: () => openProver(tools.path, { timeout: 700 }) }),
    );
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'engine/broken', to: 1 });
    await rm(join(tools.folder, 'breath'), { force: true }); // and it does not come again
    await wait(200);
    expect(await namesIn(tools.folder)).toEqual(['freshclam']);
    await expectNoLeftovers(filled);
  });

  test('a clamscan that hangs is killed when its time is up, and nothing is published', async () => {
    await using tools = await fakeTools({ clamscan: '"$REAL" "$@"; sleep 600' });
    const report = await untouched(filled, () =>
      filled.sync({ flags: RETRY, openProver: () => openProver(tools.path, { timeout: 1000 }) }),
    );
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'engine/broken', to: 1 });
  });

  test('an engine that cannot tell its version ends the cycle before anything is downloaded', async () => {
    filled.upstream.forget();
    await using tools = await fakeTools({ clamscan: 'exit 1' }, { version: 'echo what; exit 0' });
    const report = await untouched(filled, () =>
      filled.sync({ flags: RETRY, openProver: () => openProver(tools.path) }),
    );
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'engine/broken' } });
    expect(filled.upstream.asked).toEqual(['test.cvd']);
  });

  test('an engine that vanishes during the cycle is a failure of this machine, not a refusal', async () => {
    await using tools = await fakeTools({ freshclam: 'exit 0' });
    const prove = await openProver(tools.path);
    await rm(join(tools.folder, 'freshclam'));
    const report = await untouched(filled, () =>
      filled.sync({ flags: RETRY, openProver: async () => prove }),
    );
    expect(report.outcome).toBe('failed');
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'engine/broken', from: 1, to: 1 });
    expect(report.upstreamBytes).toBeGreaterThan(522);
    await expectNoLeftovers(filled);
  });

  test('with no engine at all nothing is proven', async () => {
    const report = await untouched(filled, () =>
      filled.sync({ flags: RETRY, openProver: async () => proveWith([], { now: () => new Date() }) }),
    );
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'engine/missing' });
  });

  test('the same two mirrors are published by honest tools', async () => {
    for (const mirror of [empty, filled]) {
      expect(ofTest(await mirror.sync({ flags: RETRY }))).toMatchObject({ outcome: 'published', to: 6 });
      await expectNoLeftovers(mirror);
    }
  });
});
