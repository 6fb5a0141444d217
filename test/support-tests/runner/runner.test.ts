import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ground, outcomes, resultsOf } from './ground.ts';

const here = ground();

describe('steps', () => {
  test('are skipped after a failure unless their condition asks for the status', async () => {
    const job = await here.runSteps(`
- run: exit 3
- run: echo never
- if: failure()
  run: echo one
- if: always()
  run: echo two
- if: \${{ !cancelled() }}
  run: echo three
- if: github.repository != ''
  run: echo never
- if: cancelled()
  run: echo never`);
    expect(outcomes(job)).toEqual([
      'failure',
      'skipped',
      'success',
      'success',
      'success',
      'skipped',
      'skipped',
    ]);
    expect(job.result).toBe('failure');
    expect(job.annotations).toMatchObject([
      { level: 'error', message: 'Process completed with exit code 3.' },
    ]);
  });

  test('that may fail have an outcome and a conclusion', async () => {
    const job = await here.runSteps(`
- id: first
  continue-on-error: true
  run: 'false'
- run: echo "\${{ steps.first.outcome }} \${{ steps.first.conclusion }}"`);
    expect(job.steps[0]).toMatchObject({ outcome: 'failure', conclusion: 'success' });
    expect(job.result).toBe('success');
    expect(job.steps[1]?.log).toContain('failure success');
  });

  test('end at the first error; a failing pipe is one in a named bash only', async () => {
    const job = await here.runSteps(`
- run: false | true
- continue-on-error: true
  shell: bash
  run: false | true
- shell: sh
  run: |
    false
    echo never`);
    expect(outcomes(job)).toEqual(['success', 'failure', 'failure']);
    expect(job.steps[2]?.log).not.toMatch(/^never$/m);
  });

  test('talk to each other by files', async () => {
    const job = await here.runSteps(`
- id: first
  run: |
    echo 'one=1=1' >> "$GITHUB_OUTPUT"
    printf 'many<<END\\na\\n\\nb\\nEND\\n' >> "$GITHUB_OUTPUT"
    echo 'COLOUR=red' >> "$GITHUB_ENV"
    mkdir "$RUNNER_TEMP/bin"
    printf '#!/bin/sh\\necho found\\n' > "$RUNNER_TEMP/bin/tool"
    chmod +x "$RUNNER_TEMP/bin/tool"
    echo "$RUNNER_TEMP/bin" >> "$GITHUB_PATH"
    echo '# One' >> "$GITHUB_STEP_SUMMARY"
    test -z "\${COLOUR-}"
- env:
    MANY: \${{ steps.first.outputs.many }}
  run: |
    tool
    echo "$COLOUR \${{ env.COLOUR }}"
    echo '# Two' >> "$GITHUB_STEP_SUMMARY"`);
    expect(job.steps[0]?.outputs).toEqual({ one: '1=1', many: 'a\n\nb' });
    expect(job.steps[1]?.log).toMatch(/^found\nred red$/m);
    expect(job.summary).toBe('# One\n\n# Two\n');
  });

  test('fail if what they write into a file cannot be read', async () => {
    const job = await here.runSteps(`
- run: echo 'no pair' >> "$GITHUB_OUTPUT"
- if: always()
  run: printf 'a<<END\\nnever ends' >> "$GITHUB_OUTPUT"
- if: always()
  run: echo 'NODE_OPTIONS=--inspect' >> "$GITHUB_ENV"`);
    expect(outcomes(job)).toEqual(['failure', 'failure', 'failure']);
  });

  test('have a bare environment', async () => {
    process.env.ONLY_OF_THE_TEST = 'yes';
    const job = await here.runSteps('- run: env', { env: { ImageOS: 'ubuntu24' } });
    const names = [...(job.steps[0]?.log ?? '').matchAll(/^(\w+)=/gm)].map(([, name = '']) => name);
    const others = names.filter((name) => !/^(GITHUB|RUNNER)_/.test(name));
    expect(others.sort()).toEqual(['CI', 'HOME', 'ImageOS', 'PATH', 'PWD', 'SHLVL', '_']);
    expect(names).toContain('GITHUB_STEP_SUMMARY');
    expect(names).not.toContain('GITHUB_TOKEN');
  });

  test('never get what only actions get', async () => {
    const runtime = { ACTIONS_RUNTIME_TOKEN: 'the-token', ACTIONS_RESULTS_URL: 'http://127.0.0.1/' };
    const seen: (string | undefined)[] = [];
    const job = await here.runSteps('- run: env\n- uses: some/action@main', {
      runtime,
      actions: {
        'some/action': async ({ environment }) => void seen.push(environment.ACTIONS_RUNTIME_TOKEN),
      },
    });
    expect(job.steps[0]?.log).not.toContain('ACTIONS_');
    expect(seen).toEqual(['the-token']);
  });

  test('are ended at their timeout, and the job goes on with those that want it', async () => {
    const job = await here.runSteps(
      `
- timeout-minutes: 1
  run: exec sleep 30
- if: failure()
  run: echo cleaned`,
      { minute: 300 },
    );
    expect(outcomes(job)).toEqual(['failure', 'success']);
    expect(job.annotations[0]?.message).toMatch(/has timed out after 1 minutes/);
  });
});

describe('lines of output', () => {
  test('that are commands are carried out', async () => {
    const job = await here.runSteps(`
- name: Talk
  run: |
    echo '::warning file=a.ts,line=3,title=T%3A 1::one%0Atwo'
    echo '::notice::seen' >&2
    echo '::debug::hidden'
    echo '::group::G'
    echo '::endgroup::'
    echo 'not ::error::this'
    echo '::unknown::that'
    echo '::stop-commands::halt'
    echo '::error::plain'
    echo '::halt::'
    echo '::error::real'`);
    expect(job.result).toBe('success');
    const warning = {
      level: 'warning',
      message: 'one\ntwo',
      properties: { file: 'a.ts', line: '3', title: 'T: 1' },
    };
    const shown = job.annotations.toSorted((a, b) => b.level.localeCompare(a.level));
    expect(shown).toMatchObject([
      warning,
      { level: 'notice', message: 'seen' },
      { level: 'error', message: 'real' },
    ]);
    expect(job.log).not.toMatch(/##\[debug\]hidden/);
    expect(job.log).toContain('##[group]G');
    expect(job.log).toContain('not ::error::this');
  });

  test('show debug lines where debugging is on', async () => {
    const job = await here.runSteps('- run: echo "::debug::shown $RUNNER_DEBUG"', { debug: true });
    expect(job.log).toContain('##[debug]shown 1');
  });

  test('never show a secret, nor do summaries; an output that holds one is dropped', async () => {
    const { jobs } = await here.run(
      `
jobs:
  it:
    runs-on: ubuntu-latest
    outputs:
      plain: \${{ steps.it.outputs.plain }}
      bad: \${{ steps.it.outputs.bad }}
    steps:
      - id: it
        env:
          SECRET: \${{ secrets.PASSWORD }}
        run: |
          echo "it is $SECRET"
          printf %s "user:$SECRET" | base64
          echo "::add-mask::derived"
          echo "derived"
          echo "$SECRET" >> "$GITHUB_STEP_SUMMARY"
          echo "bad=x-$SECRET" >> "$GITHUB_OUTPUT"
          echo "plain=fine" >> "$GITHUB_OUTPUT"
          echo "::error::$SECRET"`,
      { secrets: { PASSWORD: 'correct-horse-battery' } },
    );
    const job = jobs.it;
    const base64 = Buffer.from('user:correct-horse-battery').toString('base64');
    expect(job?.log).not.toMatch(/correct-horse|^derived$/m);
    expect(job?.log).not.toContain(base64.slice(8, 24));
    expect(job?.summary).toBe('***\n');
    expect(job?.outputs).toEqual({ plain: 'fine' });
    expect(job?.annotations).toMatchObject([
      { message: '***' },
      { message: expect.stringContaining("'bad'") },
    ]);
  });
});

describe('jobs', () => {
  const chain = (second: string, third = '') => `
jobs:
  first:
    runs-on: ubuntu-latest
    outputs:
      answer: \${{ steps.it.outputs.answer }}
    steps:
      - id: it
        run: |
          echo answer=42 >> "$GITHUB_OUTPUT"
          exit \${{ inputs.code }}
  second:
    needs: first
    ${second}
    runs-on: ubuntu-latest
    steps:
      - run: echo "\${{ needs.first.result }} \${{ needs.first.outputs.answer }}"
  third:
    needs: [second]
    ${third}
    runs-on: ubuntu-latest
    steps:
      - run: echo third`;
  const workflow = (second: string, third?: string) =>
    `on:\n  workflow_dispatch:\n    inputs:\n      code: { type: number, default: 0 }${chain(second, third)}`;

  test('run in the order of their needs and see outputs', async () => {
    const result = await here.run(workflow(''));
    expect(result.conclusion).toBe('success');
    expect(result.jobs.second?.log).toContain('success 42');
  });

  test('are skipped behind a failure, and so is what needs them', async () => {
    const result = await here.run(workflow(''), { inputs: { code: 1 } });
    expect(resultsOf(result)).toEqual({ first: 'failure', second: 'skipped', third: 'skipped' });
    expect(result.conclusion).toBe('failure');
  });

  test('look at all ancestors: behind an always() job the failure still counts', async () => {
    const result = await here.run(workflow('if: always()'), { inputs: { code: 1 } });
    expect(resultsOf(result)).toEqual({ first: 'failure', second: 'success', third: 'skipped' });
    expect(result.jobs.second?.log).toContain('failure 42');
  });

  test('are skipped behind a skipped one, unless their condition says otherwise', async () => {
    const skipped = await here.run(workflow("if: github.repository == 'other'"));
    expect(resultsOf(skipped)).toEqual({ first: 'success', second: 'skipped', third: 'skipped' });
    const wanted = await here.run(workflow('if: false', "if: always() && needs.second.result == 'skipped'"));
    expect(resultsOf(wanted)).toEqual({ first: 'success', second: 'skipped', third: 'success' });
    expect(wanted.conclusion).toBe('success');
  });

  test('that are overdue count as cancelled, so that failure() does not hold behind them', async () => {
    const result = await here.run(
      `
jobs:
  slow:
    runs-on: ubuntu-latest
    timeout-minutes: 1
    steps:
      - run: exec sleep 30
      - if: cancelled()
        run: echo cleaned
      - if: failure()
        run: echo never
  failed:
    needs: slow
    if: failure()
    runs-on: ubuntu-latest
    steps: [{ run: echo never }]
  after:
    needs: slow
    if: always() && needs.slow.result == 'cancelled'
    runs-on: ubuntu-latest
    steps: [{ run: echo told }]`,
      { minute: 300 },
    );
    expect(resultsOf(result)).toEqual({ slow: 'cancelled', failed: 'skipped', after: 'success' });
    expect(result.jobs.slow?.steps.map(({ outcome }) => outcome)).toEqual([
      'cancelled',
      'success',
      'skipped',
    ]);
  });

  test('get a token with the permissions that they ask for, and nothing else', async () => {
    const grants: unknown[] = [];
    const result = await here.run(
      `
permissions: {}
jobs:
  none:
    runs-on: ubuntu-latest
    steps: [{ run: 'echo "[\${{ github.token }}]"' }]
  some:
    runs-on: ubuntu-latest
    permissions: { issues: write, actions: read }
    steps: [{ run: 'echo' }]`,
      { onToken: ({ job, permissions, token }) => grants.push([job, permissions, /^ghs_/.test(token)]) },
    );
    expect(grants).toContainEqual(['none', { metadata: 'read' }, true]);
    expect(grants).toContainEqual(['some', { issues: 'write', actions: 'read', metadata: 'read' }, true]);
    expect(result.jobs.none?.log).toContain('[***]');
  });

  test('have an identity token only if they may', async () => {
    const oidc = { url: 'http://127.0.0.1/id', token: 'id-token-of-a-test' };
    const yaml = (permission: string) => `
jobs:
  it:
    runs-on: ubuntu-latest
    permissions: { ${permission} }
    steps: [{ run: 'echo "url=\${ACTIONS_ID_TOKEN_REQUEST_URL-none}"' }]`;
    expect((await here.run(yaml('id-token: write'), { oidc })).jobs.it?.log).toContain(
      'url=http://127.0.0.1/id',
    );
    expect((await here.run(yaml('contents: read'), { oidc })).jobs.it?.log).toContain('url=none');
  });

  test('tell their concurrency group', async () => {
    const result = await here.run(`
concurrency: all-\${{ github.ref_name }}
jobs:
  it:
    runs-on: ubuntu-latest
    concurrency: { group: 'one', cancel-in-progress: "\${{ github.ref_name == 'main' }}" }
    steps: [{ run: echo }]`);
    expect(result.concurrency).toEqual({ group: 'all-main', cancelInProgress: false, queue: 'single' });
    expect(result.jobs.it?.concurrency).toEqual({ group: 'one', cancelInProgress: true, queue: 'single' });
  });

  test('end what their steps left running', async () => {
    const job = await here.runSteps('- run: sleep 60 > /dev/null 2>&1 &');
    expect(job.orphans).toHaveLength(1);
  });

  test('are refused with a key that is not carried out here', async () => {
    await expect(here.run('jobs: { it: { runs-on: x, strategy: { matrix: { a: [1] } } } }')).rejects.toThrow(
      'strategy',
    );
  });
});

describe('inputs', () => {
  const yaml = `
on:
  schedule: [{ cron: '7 * * * *' }]
  repository_dispatch: { types: [upstream] }
  workflow_call:
    inputs:
      dry-run: { type: boolean, default: true }
  workflow_dispatch:
    inputs:
      command: { type: choice, options: [sync, verify], default: sync }
      dry-run: { type: boolean }
      reason: { required: true }
jobs:
  it:
    runs-on: ubuntu-latest
    steps:
      - run: echo '\${{ toJSON(inputs) }}'
      - run: echo 'event \${{ github.event_name }} \${{ github.event.inputs.dry-run }} \${{ github.event.client_payload.version }}'
      - if: inputs.dry-run
        run: echo dry`;

  test('of a dispatch have types and defaults; the event has texts', async () => {
    const { jobs } = await here.run(yaml, { inputs: { 'dry-run': 'true', reason: 'because' } });
    const [shown, event, dry] = jobs.it?.steps ?? [];
    expect(shown?.log).toContain('"command": "sync"');
    expect(shown?.log).toContain('"dry-run": true');
    expect(event?.log).toContain('event workflow_dispatch true');
    expect(dry?.outcome).toBe('success');
  });

  test.each([
    { reason: '' },
    { reason: 'x', other: '1' },
    { reason: 'x', command: 'destroy' },
    { reason: 'x', 'dry-run': 'maybe' },
  ])('that do not fit start nothing: %j', async (inputs) => {
    await expect(here.run(yaml, { inputs })).rejects.toThrow(/not provided|Unexpected|is not a/);
  });

  test('are empty for other events', async () => {
    const { jobs } = await here.run(yaml, { event: 'schedule' });
    expect(jobs.it?.steps[0]?.log).toContain('{}');
    expect(jobs.it?.steps[2]?.outcome).toBe('skipped');
    const payload = { action: 'upstream', client_payload: { version: 7 } };
    const pushed = await here.run(yaml, { event: { name: 'repository_dispatch', payload } });
    expect(pushed.jobs.it?.steps[1]?.log).toContain('event repository_dispatch  7');
    await expect(
      here.run(yaml, { event: { name: 'repository_dispatch', payload: { action: 'x' } } }),
    ).rejects.toThrow();
  });

  test('of a call come with the event of the caller', async () => {
    const { jobs } = await here.run(yaml, { event: { name: 'workflow_call', caller: 'push' } });
    expect(jobs.it?.steps[1]?.log).toContain('event push');
    expect(jobs.it?.steps[2]?.outcome).toBe('success');
  });
});

describe('a workflow that is called', () => {
  test('gets inputs and secrets one by one, and gives outputs', async () => {
    const called = `
on:
  workflow_call:
    inputs: { word: { type: string, required: true } }
    secrets: { key: { required: true } }
    outputs: { said: { value: "\${{ jobs.inner.outputs.said }}" } }
jobs:
  inner:
    runs-on: ubuntu-latest
    outputs: { said: "\${{ steps.it.outputs.said }}" }
    steps:
      - id: it
        run: 'echo "said=\${{ inputs.word }}\${{ secrets.other }}" >> "$GITHUB_OUTPUT"; test -n "\${{ secrets.key }}"'`;
    await mkdir(join(here.folder, '.github', 'workflows'), { recursive: true });
    await writeFile(join(here.folder, '.github', 'workflows', 'called.yml'), called);
    const options = {
      repositories: { 'octo-org/clamav-mirror': here.folder },
      secrets: { a: 'aaaaaa', other: 'bbbbbb' },
    };
    const caller = (secret: string) => `
jobs:
  caller:
    uses: ./.github/workflows/called.yml
    with: { word: "\${{ github.ref_name }}" }
    secrets: { key: "\${{ secrets.${secret} }}" }
  after:
    needs: caller
    runs-on: ubuntu-latest
    steps: [{ run: 'echo "said \${{ needs.caller.outputs.said }}"' }]`;
    const result = await here.run(caller('a'), options);
    expect(resultsOf(result)).toEqual({ caller: 'success', 'caller / inner': 'success', after: 'success' });
    expect(result.jobs.after?.log).toMatch(/^said main$/m);
    await expect(here.run(caller('none'), options)).rejects.toThrow('key');
  });
});
