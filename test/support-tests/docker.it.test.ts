import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { describeWithImages, image, versionOf } from '../support/docker/docker.ts';
import { LABEL, docker as plainDocker } from '../support/docker/docker-cli.ts';
import { ensureDocker } from '../support/docker/docker-engine.ts';
import { docker } from '../support/docker/of-this-run.ts';

describe.each(['oldest', 'older', 'newest'] as const)('the image with the %s ClamAV', (name) => {
  describeWithImages(name)('that was built for the tests', () => {
    test('has all of its programs, in one version', async () => {
      const version = await versionOf(image(name));
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      for (const tool of ['freshclam', 'clamd']) {
        const answer = await docker('run', '--rm', '--network=none', image(name), tool, '--version');
        expect(answer).toContain(`ClamAV ${version}`);
      }
    });
  });
});

describeWithImages('oldest', 'newest')('the images', () => {
  test('differ in their ClamAV', async () => {
    expect(await versionOf(image('oldest'))).not.toBe(await versionOf(image('newest')));
  });

  test('of a run of the tests lose their containers at its end, and those of another run keep them', async () => {
    const name = `run-${randomUUID()}`;
    const left = await plainDocker('create', `--label=${LABEL}=${name}`, image('oldest'));
    const other = await docker('create', image('oldest'));
    const engine = await ensureDocker(name, { path: '', ask: () => false, log: () => {} });
    await engine.close();
    await expect(docker('container', 'inspect', left)).rejects.toThrow('No such container');
    await docker('rm', '--volumes', other); // throws if it is gone
  });

  test('take their networks with them, as do runs that were killed the day before', async () => {
    const now = Date.now();
    const [name, killed, running] = [`1-${now}`, `1-${now - 25 * 3_600_000}`, `2-${now}`];
    const ids = await Promise.all(
      [name, killed, running].map((run) =>
        plainDocker('network', 'create', `--label=${LABEL}=${run}`, `test-${randomUUID()}`),
      ),
    );
    const engine = await ensureDocker(name, { path: '', ask: () => false, log: () => {} });
    await engine.close();
    const left = await plainDocker('network', 'ls', '--quiet', '--no-trunc');
    expect(ids.map((id) => left.includes(id))).toEqual([false, false, true]);
    await plainDocker('network', 'rm', ids[2] ?? '');
  });
});
