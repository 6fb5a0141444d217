import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { openOneEngine } from '../../scripts/engine/open-one.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { startHost } from '../../scripts/host/host.ts';
import { publishedMirror } from '../probe/support.ts';
import { type FakeTools, fakeTools } from '../support/clamav/engines.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';
import { type Consumer, plant, startConsumer } from './support.ts';

/** Says of what it scans that it is clean. */
const BLIND = 'for FILE in "$@"; do :; done; echo "$FILE/eicar.com: OK"; exit 0';
/** Finds nothing with a folder that holds a CLD, as ClamAV does with one that it reads another way than we do. */
const BLINDED_BY_CLD = `
  echo scan >> "$HERE/scans"
  for ARG in "$@"; do case "$ARG" in --database=*) DB="\${ARG#*=}" ;; esac; done
  ls "$DB" | grep -q 'cld$' || exec "$REAL" "$@"
  ${BLIND}`;

describeMirror('before it vouches for anything, a client has the engine find EICAR', () => {
  let mirror: TestMirror;
  beforeAll(async () => {
    mirror = await publishedMirror();
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  async function update(consumer: Consumer, { path }: FakeTools) {
    await using host = await startHost({ folder: mirror.store });
    const openEngine = (work: string) =>
      openOneEngine(parseEngineSpec('native'), { path, work, log: SILENT });
    return await consumer.update(host.url, { openEngine });
  }

  test('and keeps what there is if it does not', async () => {
    await using tools = await fakeTools({ clamscan: BLIND });
    await using consumer = await startConsumer();
    await plant(consumer, { 'test.cvd': official('test-5.cvd') });
    await expect(update(consumer, tools)).rejects.toMatchObject({
      code: 'client/does-not-detect',
      message: expect.stringMatching(/eicar\.com.* OK/),
    });
    expect(await consumer.names()).toEqual(['test.cvd']);
    expect(await readFile(join(consumer.folder, 'test.cvd'))).toEqual(await readFile(official('test-5.cvd')));
  });

  test('by whatever name, as the mirror was proven with', async () => {
    const clamscan = '"$REAL" "$@" | sed "s/: .* FOUND\\$/: Win.Other-1 FOUND/"; exit 1';
    await using tools = await fakeTools({ clamscan });
    await using consumer = await startConsumer();
    expect((await update(consumer, tools)).how).toEqual({ test: 'whole' });
  });

  test('and takes the whole CVD where a CLD blinds it, also one that was there before', async () => {
    await using tools = await fakeTools({ clamscan: BLINDED_BY_CLD });
    await using sound = await fakeTools({});
    await using consumer = await startConsumer();
    await plant(consumer, { 'test.cvd': official('test-5.cvd') });
    expect((await update(consumer, sound)).how).toEqual({ test: 'cdiffs' });
    expect(await consumer.names()).toEqual(['test.cld']);
    expect((await update(consumer, tools)).how).toEqual({ test: 'whole' });
    expect(await consumer.names()).toEqual(['test.cvd']);
    expect(consumer.said.join('\n')).toMatch(/downloading .* whole/);
  });

  test('but not for CVDs that were there before: every byte of them is signed', async () => {
    await using tools = await fakeTools({ clamscan: BLINDED_BY_CLD });
    await using consumer = await startConsumer();
    await plant(consumer, { 'test.cvd': official('test-6.cvd') });
    expect((await update(consumer, tools)).how).toEqual({ test: 'unchanged' });
    await expect(readFile(join(tools.folder, 'scans'))).rejects.toHaveProperty('code', 'ENOENT');
  });

  test('and blames no database if clamscan is killed', async () => {
    await using tools = await fakeTools({ clamscan: 'kill -9 $$' });
    await using consumer = await startConsumer();
    await expect(update(consumer, tools)).rejects.toHaveProperty('code', 'client/not-scanned');
    expect(await consumer.names()).toEqual([]);
  });
});
