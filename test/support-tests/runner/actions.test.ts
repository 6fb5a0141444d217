import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startWorkflow } from '../../support/runner/run.ts';
import { ground, outcomes, PATIENT } from './ground.ts';

const here = ground();

describe('actions', () => {
  /** The files of a repository. */
  async function repository(files: Readonly<Record<string, string>>) {
    const source = await mkdtemp(join(here.folder, 'repository-'));
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
    const job = await here.runSteps(
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
    const job = await here.runSteps(
      `${checkout}\n- run: exit 1\n- uses: ./\n  if: always()\n- uses: ./\n  if: always()\n  env: { CODE: 4 }`,
      await repository({ 'action.yml': composite }),
    );
    expect(job.steps[2]?.steps.map(({ outcome }) => outcome)).toEqual(['success', 'skipped', 'success']);
    expect(job.steps[3]?.steps.map(({ outcome }) => outcome)).toEqual(['failure', 'success', 'skipped']);
    expect(outcomes(job)).toEqual(['success', 'failure', 'success', 'failure']);
  });

  test('need a checkout, or the name of their repository', async () => {
    const options = await repository({ 'action.yml': composite });
    const bare = await here.runSteps('- uses: ./', options);
    expect(bare.annotations[0]?.message).toContain('Did you forget to run actions/checkout');
    expect((await here.runSteps('- uses: $/', options)).result).toBe('success');
  });

  test('do not see secrets, variables and needs', async () => {
    const action = `name: a\nruns: { using: composite, steps: [{ shell: bash, run: "echo \${{ secrets.X }}" }] }`;
    const job = await here.runSteps(`${checkout}\n- uses: ./`, await repository({ 'action.yml': action }));
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
    const job = await here.runSteps(`${checkout}\n- uses: ./\n- run: echo last`, { ...options, runtime });
    expect(job.log).toMatch(/^d http:\/\/127.0.0.1:1\/$/m);
    expect(job.log).toMatch(/^last$.*^after yes$/ms);
  });

  test('github-script gets core', async () => {
    const job = await here.runSteps(
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
    const file = await here.write(
      `jobs:\n  it:\n    runs-on: ubuntu-latest\n    steps:\n      ${checkout}\n      - uses: ./\n      - if: always()\n        run: echo after`,
    );
    const started = startWorkflow(file, {
      folder: here.folder,
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
    const job = await here.runSteps(`
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
    expect((await here.runSteps('- uses: some/other@main')).annotations[0]?.message).toContain(
      'Unable to resolve action',
    );
  });
});
