import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startProgram } from '../../scripts/engine/process.ts';

const OPTIONS = { folder: '/', timeout: 60_000, environment: {} };

test('a program that is not there, or that somebody writes to, is broken, and no result', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'program-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'freshclam');
  const start = async () => await (await startProgram([path], OPTIONS)).ended;
  await expect(start()).rejects.toMatchObject({ code: 'engine/broken' });

  await writeFile(path, '#!/bin/sh\nexit 3\n', { mode: 0o755 });
  expect(await start()).toMatchObject({ exitCode: 3 });
  await using writer = await open(path, 'r+');
  expect(writer.fd).toBeGreaterThan(0);
  await expect(start()).rejects.toMatchObject({ code: 'engine/broken' });
});
