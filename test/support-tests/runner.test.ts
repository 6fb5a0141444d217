import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunOptions, runWorkflow, startWorkflow, type WorkflowResult } from '../support/runner/run.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runner-test-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs jobs, or with `on` a whole workflow. */
async function run(yaml: string, options: Partial<RunOptions> = {}): Promise<WorkflowResult> {
  return await runWorkflow(await fileOf(yaml), { folder, ...options });
}

async function fileOf(yaml: string): Promise<string> {
  const file = join(folder, 'workflow.yml');
  await writeFile(
    file,
    yaml.includes('\non:') || yaml.startsWith('on:') ? yaml : `on: workflow_dispatch\n${yaml}`,
  );
  return file;
}

/** Runs the steps of one job. */
async function runSteps(steps: string, options: Partial<RunOptions> = {}) {
  const indented = steps.replaceAll(/^/gm, '      ');
  const { jobs } = await run(`jobs:\n  it:\n    runs-on: ubuntu-latest\n    steps:\n${indented}`, options);
  if (jobs.it === undefined) throw new Error('the job has no result');
  return jobs.it;
}

const outcomes = (job: WorkflowResult['jobs'][string]) => job.steps.map(({ outcome }) => outcome);
const resultsOf = ({ jobs }: WorkflowResult) =>
  Object.fromEntries(Object.entries(jobs).map(([id, { result }]) => [id, result]));

describe('steps', () => {
  test('are skipped after a failure unless their condition asks for the status', async () => {
    const job = await runSteps(`
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
    const job = await runSteps(`
- id: first
  continue-on-error: true
  run: 'false'
- run: echo "\${{ steps.first.outcome }} \${{ steps.first.conclusion }}"`);
    expect(job.steps[0]).toMatchObject({ outcome: 'failure', conclusion: 'success' });
    expect(job.result).toBe('success');
    expect(job.steps[1]?.log).toContain('failure success');
  });

  test('end at the first error; a failing pipe is one in a named bash only', async () => {
    const job = await runSteps(`
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
    const job = await runSteps(`
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
    const job = await runSteps(`
- run: echo 'no pair' >> "$GITHUB_OUTPUT"
- if: always()
  run: printf 'a<<END\\nnever ends' >> "$GITHUB_OUTPUT"
- if: always()
  run: echo 'NODE_OPTIONS=--inspect' >> "$GITHUB_ENV"`);
    expect(outcomes(job)).toEqual(['failure', 'failure', 'failure']);
  });

  test('have a bare environment', async () => {
    process.env.ONLY_OF_THE_TEST = 'yes';
    const job = await runSteps('- run: env', { env: { ImageOS: 'ubuntu24' } });
    const names = [...(job.steps[0]?.log ?? '').matchAll(/^(\w+)=/gm)].map(([, name = '']) => name);
    const others = names.filter((name) => !/^(GITHUB|RUNNER)_/.test(name));
    expect(others.sort()).toEqual(['CI', 'HOME', 'ImageOS', 'PATH', 'PWD', 'SHLVL', '_']);
    expect(names).toContain('GITHUB_STEP_SUMMARY');
    expect(names).not.toContain('GITHUB_TOKEN');
  });

  test('never get what only actions get', async () => {
    const runtime = { ACTIONS_RUNTIME_TOKEN: 'the-token', ACTIONS_RESULTS_URL: 'http://127.0.0.1/' };
    const seen: (string | undefined)[] = [];
    const job = await runSteps('- run: env\n- uses: some/action@main', {
      runtime,
      actions: {
        'some/action': async ({ environment }) => void seen.push(environment.ACTIONS_RUNTIME_TOKEN),
      },
    });
    expect(job.steps[0]?.log).not.toContain('ACTIONS_');
    expect(seen).toEqual(['the-token']);
  });

  test('are ended at their timeout, and the job goes on with those that want it', async () => {
    const job = await runSteps(
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
    const job = await runSteps(`
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
    const job = await runSteps('- run: echo "::debug::shown $RUNNER_DEBUG"', { debug: true });
    expect(job.log).toContain('##[debug]shown 1');
  });

  test('never show a secret, nor do summaries; an output that holds one is dropped', async () => {
    const { jobs } = await run(
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
    const result = await run(workflow(''));
    expect(result.conclusion).toBe('success');
    expect(result.jobs.second?.log).toContain('success 42');
  });

  test('are skipped behind a failure, and so is what needs them', async () => {
    const result = await run(workflow(''), { inputs: { code: 1 } });
    expect(resultsOf(result)).toEqual({ first: 'failure', second: 'skipped', third: 'skipped' });
    expect(result.conclusion).toBe('failure');
  });

  test('look at all ancestors: behind an always() job the failure still counts', async () => {
    const result = await run(workflow('if: always()'), { inputs: { code: 1 } });
    expect(resultsOf(result)).toEqual({ first: 'failure', second: 'success', third: 'skipped' });
    expect(result.jobs.second?.log).toContain('failure 42');
  });

  test('are skipped behind a skipped one, unless their condition says otherwise', async () => {
    const skipped = await run(workflow("if: github.repository == 'other'"));
    expect(resultsOf(skipped)).toEqual({ first: 'success', second: 'skipped', third: 'skipped' });
    const wanted = await run(workflow('if: false', "if: always() && needs.second.result == 'skipped'"));
    expect(resultsOf(wanted)).toEqual({ first: 'success', second: 'skipped', third: 'success' });
    expect(wanted.conclusion).toBe('success');
  });

  test('that are overdue count as cancelled, so that failure() does not hold behind them', async () => {
    const result = await run(
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
    const result = await run(
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
    expect((await run(yaml('id-token: write'), { oidc })).jobs.it?.log).toContain('url=http://127.0.0.1/id');
    expect((await run(yaml('contents: read'), { oidc })).jobs.it?.log).toContain('url=none');
  });

  test('tell their concurrency group', async () => {
    const result = await run(`
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
    const job = await runSteps('- run: sleep 60 > /dev/null 2>&1 &');
    expect(job.orphans).toHaveLength(1);
  });

  test('are refused with a key that is not carried out here', async () => {
    await expect(run('jobs: { it: { runs-on: x, strategy: { matrix: { a: [1] } } } }')).rejects.toThrow(
      'strategy',
    );
  });
});

/** Milliseconds. */
const PATIENT = { interrupt: 20_000, terminate: 20_000, output: 20_000 };

describe('a run that is cancelled', () => {
  /** For what goes on if it may; whatever hears a signal and ends has all the time that it needs. */
  const SHORT = { interrupt: 400, terminate: 400, output: 200 };
  const cancelAt = async (yaml: string, marker: string, patience = PATIENT) => {
    const started = startWorkflow(await fileOf(yaml), {
      folder,
      patience,
      onLine: (_, line) => {
        if (line === marker) started.cancel();
      },
    });
    return await started.result;
  };

  test('interrupts the step; steps and jobs that want it still run', async () => {
    const result = await cancelAt(
      `
jobs:
  first:
    runs-on: ubuntu-latest
    steps:
      - run: exec bash -c 'trap "echo interrupted; exit 0" INT; echo ready; for i in {1..99}; do sleep 0.1; done'
      - run: echo never
      - if: always()
        run: echo cleaned
  plain:
    needs: first
    runs-on: ubuntu-latest
    steps: [{ run: echo never }]
  told:
    needs: first
    if: always()
    runs-on: ubuntu-latest
    steps: [{ run: echo told }]`,
      'ready',
    );
    expect(resultsOf(result)).toEqual({ first: 'cancelled', plain: 'skipped', told: 'success' });
    expect(result.conclusion).toBe('cancelled');
    expect(result.jobs.first?.steps.map(({ outcome }) => outcome)).toEqual([
      'cancelled',
      'skipped',
      'success',
    ]);
    expect(result.jobs.first?.log).toContain('interrupted');
  });

  test('sends its signals to the shell, not to the program that the shell waits for', async () => {
    const program = (prefix: string) => `
jobs:
  it:
    runs-on: ubuntu-latest
    steps:
      - run: ${prefix} bash -c 'trap "echo heard; exit" INT TERM; echo ready; for i in {1..40}; do sleep 0.1; done; true'`;
    expect((await cancelAt(program(''), 'ready', SHORT)).jobs.it?.log).not.toMatch(/^heard$/m);
    expect((await cancelAt(program('exec'), 'ready')).jobs.it?.log).toMatch(/^heard$/m);
  });

  test('leaves jobs alone whose condition holds even then', async () => {
    const result = await cancelAt(
      `
jobs:
  it:
    if: always()
    runs-on: ubuntu-latest
    steps: [{ run: echo ready; sleep 0.3; echo done }]`,
      'ready',
    );
    expect(resultsOf(result)).toEqual({ it: 'success' });
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
    const { jobs } = await run(yaml, { inputs: { 'dry-run': 'true', reason: 'because' } });
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
    await expect(run(yaml, { inputs })).rejects.toThrow(/not provided|Unexpected|is not a/);
  });

  test('are empty for other events', async () => {
    const { jobs } = await run(yaml, { event: 'schedule' });
    expect(jobs.it?.steps[0]?.log).toContain('{}');
    expect(jobs.it?.steps[2]?.outcome).toBe('skipped');
    const payload = { action: 'upstream', client_payload: { version: 7 } };
    const pushed = await run(yaml, { event: { name: 'repository_dispatch', payload } });
    expect(pushed.jobs.it?.steps[1]?.log).toContain('event repository_dispatch  7');
    await expect(
      run(yaml, { event: { name: 'repository_dispatch', payload: { action: 'x' } } }),
    ).rejects.toThrow();
  });

  test('of a call come with the event of the caller', async () => {
    const { jobs } = await run(yaml, { event: { name: 'workflow_call', caller: 'push' } });
    expect(jobs.it?.steps[1]?.log).toContain('event push');
    expect(jobs.it?.steps[2]?.outcome).toBe('success');
  });
});

describe('actions', () => {
  /** The files of a repository. */
  async function repository(files: Readonly<Record<string, string>>) {
    const source = await mkdtemp(join(folder, 'repository-'));
    for (const [name, text] of Object.entries(files)) await writeFile(join(source, name), text);
    return { repositories: { 'octo-org/clamav-mirror': source } };
  }
  const checkout = '- uses: actions/checkout@0123456789012345678901234567890123456789 # v6';
  const composite = `
name: a
description: a
inputs:
  given: { description: a }
  usual: { description: b, default: "of \${{ github.repository }}" }
outputs:
  shown: { description: c, value: "\${{ steps.inner.outputs.shown }}" }
runs:
  using: composite
  steps:
    - id: inner
      shell: bash
      env: { GIVEN: "\${{ inputs.given }}", USUAL: "\${{ inputs.usual }}" }
      run: |
        echo "$GIVEN, $USUAL, $OUTER, \${INPUT_GIVEN-no input variable}"
        test -f "$GITHUB_ACTION_PATH/action.yml"
        echo "shown=$GIVEN" >> "$GITHUB_OUTPUT"
        exit "\${CODE:-0}"
    - if: failure()
      shell: bash
      run: echo own failure
    - shell: bash
      run: echo own success`;

  test('of the repository are composite: inputs, defaults, outputs, env, no INPUT_*', async () => {
    const job = await runSteps(
      `${checkout}\n- uses: ./\n  id: ours\n  env: { OUTER: from outside }\n  with: { given: it, wrong: x }\n- run: echo "out \${{ steps.ours.outputs.shown }}"`,
      await repository({ 'action.yml': composite }),
    );
    expect(job.result).toBe('success');
    expect(job.log).toContain('it, of octo-org/clamav-mirror, from outside, no input variable');
    expect(job.steps[2]?.log).toContain('out it');
    expect(job.annotations).toMatchObject([
      { level: 'warning', message: expect.stringContaining("'wrong'") },
    ]);
  });

  test('look at the status of their own steps only', async () => {
    const job = await runSteps(
      `${checkout}\n- run: exit 1\n- uses: ./\n  if: always()\n- uses: ./\n  if: always()\n  env: { CODE: 4 }`,
      await repository({ 'action.yml': composite }),
    );
    expect(job.steps[2]?.steps.map(({ outcome }) => outcome)).toEqual(['success', 'skipped', 'success']);
    expect(job.steps[3]?.steps.map(({ outcome }) => outcome)).toEqual(['failure', 'success', 'skipped']);
    expect(outcomes(job)).toEqual(['success', 'failure', 'success', 'failure']);
  });

  test('need a checkout, or the name of their repository', async () => {
    const options = await repository({ 'action.yml': composite });
    const bare = await runSteps('- uses: ./', options);
    expect(bare.annotations[0]?.message).toContain('Did you forget to run actions/checkout');
    expect((await runSteps('- uses: $/', options)).result).toBe('success');
  });

  test('do not see secrets, variables and needs', async () => {
    const action = `name: a\nruns: { using: composite, steps: [{ shell: bash, run: "echo \${{ secrets.X }}" }] }`;
    const job = await runSteps(`${checkout}\n- uses: ./`, await repository({ 'action.yml': action }));
    expect(job.result).toBe('failure');
  });

  test('in JavaScript get inputs as variables and what only actions get', async () => {
    const options = await repository({
      'action.yml':
        'name: a\ninputs: { some-name: { default: d } }\nruns: { using: node24, main: a.mjs, post: b.mjs }',
      'a.mjs': `console.log(process.env['INPUT_SOME-NAME'], process.env.ACTIONS_RESULTS_URL);
        await (await import('node:fs/promises')).appendFile(process.env.GITHUB_STATE, 'kept=yes\\n');`,
      'b.mjs': "console.log('after', process.env.STATE_kept);",
    });
    const runtime = { ACTIONS_RESULTS_URL: 'http://127.0.0.1:1/' };
    const job = await runSteps(`${checkout}\n- uses: ./\n- run: echo last`, { ...options, runtime });
    expect(job.log).toMatch(/^d http:\/\/127.0.0.1:1\/$/m);
    expect(job.log).toMatch(/^last$.*^after yes$/ms);
  });

  test('github-script gets core', async () => {
    const job = await runSteps(
      `- id: it
  uses: actions/github-script@0123456789012345678901234567890123456789 # v8
  with:
    script: |
      core.setSecret('hidden-word');
      core.setOutput('url', process.env.ACTIONS_RESULTS_URL);
- run: echo "hidden-word \${{ steps.it.outputs.url }}"`,
      { runtime: { ACTIONS_RESULTS_URL: 'http://127.0.0.1:1/' } },
    );
    expect(job.steps[1]?.log).toMatch(/^\*\*\* http:\/\/127.0.0.1:1\/$/m);
  });

  test('are cancelled whole: not even their steps for that case go on', async () => {
    const action = `
name: a
runs:
  using: composite
  steps:
    - shell: bash
      run: echo ready; exec sleep 30
    - if: always()
      shell: bash
      run: exec sleep 60`; // bash itself would hear the signal and go on once its child ends
    const options = await repository({ 'action.yml': action });
    const file = await fileOf(
      `jobs:\n  it:\n    runs-on: ubuntu-latest\n    steps:\n      ${checkout}\n      - uses: ./\n      - if: always()\n        run: echo after`,
    );
    const started = startWorkflow(file, {
      folder,
      ...options,
      patience: PATIENT,
      onLine: (_, line) => {
        if (line === 'ready') started.cancel();
      },
    });
    const job = (await started.result).jobs.it;
    expect(job?.steps.map(({ outcome }) => outcome)).toEqual(['success', 'cancelled', 'success']);
    expect(job?.steps[1]?.steps.map(({ outcome }) => outcome)).toEqual(['cancelled', 'cancelled']);
    expect(job?.log).toMatch(/^after$/m);
  });

  test('setup-node brings the pinned Node, and npm ci its packages', async () => {
    const job = await runSteps(`
${checkout}
- uses: actions/setup-node@0123456789012345678901234567890123456789 # v6
  with: { node-version: 24 }
- run: npm ci --omit=dev --ignore-scripts
- run: node -e "import('valibot').then((v) => console.log(process.version, typeof v.parse))"`);
    expect(job.result).toBe('success');
    const { dependencies } = JSON.parse(await readFile(join(job.workspace ?? '', 'package.json'), 'utf8'));
    expect(job.steps[3]?.log).toContain(`v${dependencies.node} function`);
  });

  test('of others are refused unless the test says what they do', async () => {
    expect((await runSteps('- uses: some/other@main')).annotations[0]?.message).toContain(
      'Unable to resolve action',
    );
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
    await mkdir(join(folder, '.github', 'workflows'), { recursive: true });
    await writeFile(join(folder, '.github', 'workflows', 'called.yml'), called);
    const options = {
      repositories: { 'octo-org/clamav-mirror': folder },
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
    const result = await run(caller('a'), options);
    expect(resultsOf(result)).toEqual({ caller: 'success', 'caller / inner': 'success', after: 'success' });
    expect(result.jobs.after?.log).toMatch(/^said main$/m);
    await expect(run(caller('none'), options)).rejects.toThrow('key');
  });
});
