import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { measureMemory, toolIn } from '../../scripts/engine/memory-use.ts';
import { startProgram } from '../../scripts/engine/process.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { docker } from '../support/docker/of-this-run.ts';

const SIZE = 150_000_000;
/** Holds that much in memory, in a child of a child, until it is killed. */
const HUNGRY = `(head -c ${SIZE} /dev/zero; sleep 600) | tail -c ${SIZE}`;

async function untilHungry(peak: () => number | undefined): Promise<number> {
  while ((peak() ?? 0) < SIZE) await wait(20);
  return peak() ?? 0;
}

test.skipIf(process.platform !== 'linux')('what a program and its children take is measured', async () => {
  const environment = { PATH: process.env.PATH };
  const program = await startProgram(['sh', '-c', HUNGRY], { folder: '/', timeout: 600_000, environment });
  expect(await untilHungry(() => program.peakMemory?.())).toBeLessThan(2 * SIZE);
  await program.stop();
  expect(program.peakMemory?.()).toBeGreaterThan(SIZE); // it stays known
});

test('nothing is told of what is not there', () => {
  const meter = measureMemory(() => false);
  expect(meter.peak()).toBeUndefined();
  meter.stop();
});

describeWithImages('newest')('what a tool in a container takes', () => {
  test('is measured, and nothing of other containers and other tools', async () => {
    const options = ['--detach', '--network=none', '--entrypoint=sh'];
    const id = (await docker('run', ...options, image('newest'), '-c', HUNGRY)).trim();
    onTestFinished(async () => void (await docker('rm', '--force', '--volumes', id)));
    const [tail, other, elsewhere] = [
      measureMemory(toolIn(id, 'tail')),
      measureMemory(toolIn(id, 'head')),
      measureMemory(toolIn('0'.repeat(64), 'tail')),
    ];
    expect(await untilHungry(tail.peak)).toBeLessThan(2 * SIZE);
    expect(other.peak() ?? 0).toBeLessThan(SIZE / 2);
    expect(elsewhere.peak()).toBeUndefined();
    for (const meter of [tail, other, elsewhere]) meter.stop();
  });
});
