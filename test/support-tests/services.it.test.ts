import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { docker } from '../support/docker/of-this-run.ts';
import { runWorkflow } from '../support/runner/run.ts';
import { words } from '../support/runner/services.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'services-test-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const PINNED = `clamav/clamav:1.4@sha256:${'a'.repeat(64)}`;

async function run(service: string, steps: string) {
  const file = join(folder, 'workflow.yml');
  const job = `jobs:\n  it:\n    runs-on: ubuntu-24.04\n    services:\n      clamav:\n        image: ${PINNED}\n`;
  await writeFile(file, `on: workflow_dispatch\n${job}${service}    steps:\n${steps}`);
  const { jobs } = await runWorkflow(file, { folder, images: { [PINNED]: image('newest') } });
  if (jobs.it === undefined) throw new Error('the job has no result');
  return jobs.it;
}

test('options are split as the runner splits them: double quotes hold together, single ones do not', () => {
  const line = `--health-cmd "freshclam --version" --add-host=a:b  -e X='a b'`;
  expect(words(line)).toEqual(['--health-cmd', 'freshclam --version', '--add-host=a:b', '-e', "X='a", "b'"]);
});

describeWithImages('newest')('a service container', () => {
  test('runs healthy before the first step, is reached by its id, and is gone afterwards', async () => {
    const job = await run(
      `        entrypoint: sleep
        command: infinity
        env: { WORD: hello }
        ports: ['3310']
        options: >-
          --add-host=host.docker.internal:host-gateway
          --health-cmd "test -f /bin/sh" --health-interval 1s --health-retries 30
`,
      `      - env:
          ID: \${{ job.services.clamav.id }}
          PORT: \${{ job.services.clamav.ports['3310'] }}
          NETWORK: \${{ job.services.clamav.network }}
        run: |
          docker exec "$ID" sh -c 'echo "word $WORD $CI"; clamscan --version; grep host.docker /etc/hosts'
          docker inspect --format '{{ .State.Health.Status }}' "$ID"
          docker network inspect --format '{{ .Name }}' "$NETWORK"
          echo "port $PORT"
          echo "id=$ID" >> "$GITHUB_OUTPUT"
        id: look
`,
    );
    expect(job.result).toBe('success');
    expect(job.log).toMatch(/^word hello true$/m);
    expect(job.log).toMatch(/^ClamAV \d/m);
    expect(job.log).toMatch(/^healthy$/m);
    expect(job.log).toMatch(/^port \d+$/m);
    const id = job.steps[0]?.outputs.id ?? '';
    await expect(docker('inspect', id)).rejects.toThrow(/No such/);
    expect(await docker('network', 'ls', '--format={{.Name}}')).not.toContain(networkOf(job.log));
  });

  describe('that does not become healthy', () => {
    test('fails the job; steps that want it still run', async () => {
      const job = await run(
        `        entrypoint: sleep
        command: infinity
        options: --health-cmd "exit 1" --health-interval 1s --health-retries 1
`,
        '      - run: echo never\n      - if: always()\n        run: echo told\n',
      );
      expect(job.result).toBe('failure');
      expect(job.steps.map(({ outcome }) => outcome)).toEqual(['skipped', 'success']);
      expect(job.annotations[0]?.message).toContain('unhealthy');
    });
  });

  test.each([
    ['an image that nothing stands for', "image: 'other:1'", /no image stands/],
    ['a network of its own choice', 'options: --network=host', /does not support --network/],
  ])('is refused with %s', async (_, line, message) => {
    const other = line.startsWith('image') ? `      other: { ${line} }\n` : `        ${line}\n`;
    const job = await run(
      `        entrypoint: sleep\n        command: infinity\n${other}`,
      '      - run: echo\n',
    );
    expect(job.result).toBe('failure');
    expect(job.annotations[0]?.message).toMatch(message);
  });
});

function networkOf(log: string): string {
  return /github_network_\w+/.exec(log)?.[0] ?? 'none';
}
