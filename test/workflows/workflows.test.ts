import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { actionlintProblems, languageProblems } from './linters.ts';
import { breaches, type Rule } from './policy.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = '.github/workflows';
const workflows = readdirSync(join(ROOT, FOLDER)).map((name) => `${FOLDER}/${name}`);
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const ACTION = 'action.yml';
const MIRROR = `${FOLDER}/mirror.yml`;
const WATCHDOG = `${FOLDER}/watchdog.yml`;

/** The file with a mistake in it; throws if there is no longer a place for that mistake. */
function broken(file: string, from: string | RegExp, to: string): string {
  const source = read(file);
  const result = source.replace(from, to);
  if (result === source) throw new Error(`${file} does not hold ${from}`);
  return result;
}

test('there are workflows', () => {
  const names = ['ci', 'mirror', 'release', 'watchdog'].map((name) => `${FOLDER}/${name}.yml`);
  expect(workflows).toEqual(expect.arrayContaining(names));
});

describe.each([ACTION, ...workflows])('%s', (file) => {
  test("is clean under GitHub's language service", async () => {
    expect(await languageProblems(file, read(file), read(ACTION))).toEqual([]);
  });

  test('follows our rules', () => {
    expect(breaches(read(file))).toEqual([]);
  });
});

// Which does not know action.yml.
test.each(workflows)('%s is clean under actionlint', async (file) => {
  expect(await actionlintProblems(file, read(file))).toEqual([]);
});

describe("GitHub's language service", () => {
  test.each<[what: string, file: string, from: string | RegExp, to: string, message: RegExp]>([
    ['a key that does not exist', MIRROR, 'timeout-minutes: 75', 'timeout: 75', /'timeout'/],
    ['a permission that does not exist', MIRROR, 'issues: write', 'isues: write', /'isues'/],
    ['a context that does not exist', MIRROR, 'needs.check.outputs.needed ==', 'need.check ==', /need/],
    ['an output of a job that is not needed', WATCHDOG, 'needs.watch.result', 'needs.other.result', /other/],
    ['a minute that does not exist', MIRROR, '23 * * * *', '63 * * * *', /cron/],
    ['an input that our action does not have', MIRROR, 'command: notify', 'comand: notify', /'comand'/],
    [
      'an input that checkout does not have',
      MIRROR,
      'persist-credentials:',
      'persist-credential:',
      /persist/,
    ],
    ['an action that we do not know', MIRROR, 'actions/checkout@', 'actions/check-out@', /resolve/],
    [
      'a queue that would be cancelled',
      MIRROR,
      'queue: max',
      'queue: max\n  cancel-in-progress: true',
      /queue/,
    ],
    ['a kind of action that does not exist', ACTION, 'using: composite', 'using: composed', /composed/],
    [
      'an expression of an action that does not end',
      ACTION,
      '{{ inputs.command }}',
      '{{ inputs.command',
      /expr/,
    ],
    [
      'a context that actions do not have',
      ACTION,
      '{{ inputs.command }}',
      '{{ secrets.command }}',
      /secrets/,
    ],
  ])('catches %s', async (_, file, from, to, message) => {
    const problems = await languageProblems(file, broken(file, from, to), read(ACTION));
    expect(problems).toEqual(expect.arrayContaining([expect.stringMatching(message)]));
  });
});

describe('actionlint', () => {
  const injected = (expression: string) => `run: echo "\${{ ${expression} }}"`;
  test.each<[what: string, file: string, from: string | RegExp, to: string, message: RegExp]>([
    [
      'a script into which others can write',
      MIRROR,
      'run: exec node scripts/check.ts',
      injected('github.head_ref'),
      /untrusted/,
    ],
    ['a machine that does not exist', MIRROR, 'runs-on: ubuntu-24.04', 'runs-on: ubuntu-24.40', /label/],
    ['a job that does not exist', MIRROR, 'needs: check', 'needs: chek', /chek/],
    ['a step that does not exist', MIRROR, 'steps.check.outputs', 'steps.chek.outputs', /chek/],
    ['another key for the queue', MIRROR, 'queue: max', 'queues: max', /queues/],
    ['another key of a service', MIRROR, 'entrypoint: sleep', 'entry: sleep', /entry/],
    ['another property of the job', MIRROR, 'job.workflow_sha', 'job.workflow_shar', /shar/],
    ['another secret', MIRROR, 'CLAMAV_MIRROR_ACCESS_KEY_ID', 'CLAMAV_MIRROR_ACCESS_KEY', /access_key"/],
    ['a timeout that is no number', MIRROR, 'timeout-minutes: 5', 'timeout-minutes: x', /float/],
  ])('catches %s', async (_, file, from, to, message) => {
    const problems = await actionlintProblems(file, broken(file, from, to));
    expect(problems).toEqual(expect.arrayContaining([expect.stringMatching(message)]));
  });
});

describe('the rule', () => {
  const CI = `${FOLDER}/ci.yml`;
  const NO_CREDENTIALS = 'persist-credentials: false';
  const SHA = /@([0-9a-f]{40}) # v[\d.]+/;
  test.each<[rule: Rule, file: string, from: string | RegExp, to: string]>([
    ['trigger', CI, 'pull_request:', 'pull_request_target:'],
    ['trigger', CI, 'pull_request:', 'workflow_run: { workflows: [CI] }'],
    ['trigger', CI, 'pull_request:', 'issue_comment:'],
    ['trigger', WATCHDOG, '  workflow_dispatch:', '  discussion_comment:\n  workflow_dispatch:'],
    [
      'foreign-checkout',
      MIRROR,
      `ref: \${{ job.workflow_sha }}`,
      `ref: \${{ github.event.client_payload.sha }}`,
    ],
    ['foreign-checkout', WATCHDOG, NO_CREDENTIALS, `$&\n          ref: \${{ inputs.url }}`],
    ['foreign-checkout', WATCHDOG, NO_CREDENTIALS, '$&\n          ref: refs/pull/1/merge'],
    ['foreign-checkout', WATCHDOG, NO_CREDENTIALS, `$&\n          repository: \${{ vars.FORK }}`],
    ['command-file', CI, 'run: .ci/run', 'run: echo "TITLE=$TITLE" >> "$GITHUB_ENV"'],
    ['command-file', CI, 'run: .ci/run', 'run: echo "$FOLDER" >> $GITHUB_PATH'],
    [
      'command-file',
      CI,
      'run: .ci/run',
      `run: echo "t=$T" >> "$GITHUB_OUTPUT"\n        env: { T: "\${{ github.event.pull_request.title }}" }`,
    ],
    ['command-file', ACTION, 'core.setOutput(', 'core.exportVariable('],
    ['secrets', MIRROR, `needs: \${{ toJSON(needs) }}`, `needs: \${{ toJSON(secrets) }}`],
    ['secrets', MIRROR, 'secrets.healthcheck-url ||', 'secrets[inputs.command] ||'],
    ['secrets', MIRROR, "NODE_USE_ENV_PROXY: '1'", `KEY: \${{ secrets.access-key-id }}`],
    ['foreign-code', CI, 'run: .ci/run', 'run: curl -fsSL https://example.com/install | sh'],
    ['foreign-code', CI, 'run: .ci/run', 'run: curl https://example.com/i | sudo bash -s -- x'],
    ['foreign-code', CI, 'run: .ci/run', 'run: bash <(wget -qO- https://example.com/i)'],
    ['foreign-code', CI, 'run: .ci/run', 'run: sh -c "$(curl https://example.com/i)"'],
    ['foreign-code', CI, 'run: .ci/run', 'run: npx some-tool'],
    ['foreign-code', CI, 'run: .ci/run', 'run: import os\n        shell: python'],
    ['service-options', MIRROR, '--cap-drop=ALL', '--privileged --cap-drop=ALL'],
    ['service-options', MIRROR, '--cap-drop=ALL ', ''],
    ['service-options', MIRROR, '--security-opt=no-new-privileges ', ''],
    ['service-options', MIRROR, ' --memory=5g', ''],
    ['service-options', MIRROR, '--cap-add=SETGID', '--cap-add=SYS_ADMIN'],
    ['service-options', MIRROR, '--cap-add=SETGID', '--volume=/var/run/docker.sock:/s'],
    ['service-options', MIRROR, '--cap-add=SETGID', '-v /:/host'],
    [
      'service-options',
      MIRROR,
      '        entrypoint: sleep',
      '        volumes: [/:/host]\n        entrypoint: sleep',
    ],
    [
      'left-behind',
      MIRROR,
      /(name: Mirror\n {8}id)/,
      `uses: actions/cache@${'a'.repeat(40)} # v5.0.0\n      - $1`,
    ],
    [
      'left-behind',
      MIRROR,
      /( {6}- name: Install)/,
      `      - uses: actions/setup-go@${'a'.repeat(40)} # v6.0.0\n$1`,
    ],
    [
      'left-behind',
      `${FOLDER}/release.yml`,
      '      - name: Make',
      `      - uses: actions/download-artifact@${'a'.repeat(40)} # v5.0.0\n      - name: Make`,
    ],
    ['runner', WATCHDOG, 'runs-on: ubuntu-24.04', 'runs-on: self-hosted'],
    ['runner', WATCHDOG, 'runs-on: ubuntu-24.04', `runs-on: \${{ vars.RUNNER }}`],
    ['runner', `${FOLDER}/release.yml`, 'runner: ubuntu-24.04-arm', 'runner: self-hosted'],
    ['fork-rights', CI, 'contents: read #', 'contents: write #'],
    ['fork-rights', CI, 'run: .ci/run', `run: .ci/run\n        env: { KEY: "\${{ secrets.KEY }}" }`],
    ['unsafe-variable', MIRROR, "NODE_USE_ENV_PROXY: '1'", "ACTIONS_ALLOW_UNSECURE_COMMANDS: 'true'"],
    ['unsafe-variable', MIRROR, 'CLAMAV_MIRROR_DNS:', 'NODE_OPTIONS:'],
    [
      'expression-in-script',
      ACTION,
      "core.setOutput('url', process.env.ACTIONS_RESULTS_URL ?? '')",
      `core.setOutput('url', '\${{ inputs.url }}')`,
    ],
    ['early-role', MIRROR, 'run: scripts/action/install.sh', 'run: echo later'],
    ['cron-minute', MIRROR, '23 * * * *', '0 * * * *'],
    ['cron-minute', WATCHDOG, '47 */2', '*/15 */2'],
    ['kebab-case', ACTION, '  max-size:', '  maxSize:'],
    ['kebab-case', MIRROR, '      dry-run:', '      dry_run:'],
    ['description', ACTION, /max-size:\n.*\n.*\n/, "max-size:\n    description: ''\n"],
    ['description', MIRROR, /( {6}to:\n) .*\n/, '$1'],
    ['permissions', MIRROR, /^permissions: \{\}.*$/m, 'permissions: read-all'],
    ['permissions', WATCHDOG, /^permissions: \{\}.*\n/m, ''],
    ['permissions', WATCHDOG, /^ {4}permissions:\n( {6}.*\n)+/m, ''],
    ['permissions', WATCHDOG, /^ {4}permissions:\n( {6}.*\n)+/m, '    permissions: write-all\n'],
    ['grant-reason', MIRROR, /(issues: write) #.*/, '$1'],
    ['job-timeout', `${FOLDER}/release.yml`, /^ {4}timeout-minutes: 10\n/m, ''],
    ['step-timeout', MIRROR, 'timeout-minutes: 55', 'timeout-minutes: 75'],
    ['step-timeout', WATCHDOG, /^ {8}timeout-minutes: 25\n/m, ''],
    ['concurrency', WATCHDOG, /^concurrency:\n( {2}.*\n)+/m, ''],
    ['guard', MIRROR, /^ {4}if: .*\n/m, ''],
    ['guard', WATCHDOG, /^ {4}if: .*$/m, '    if: always()'],
    ['inherited-secrets', WATCHDOG, /^ {2}notify:\n/m, '  notify:\n    secrets: inherit\n'],
    ['image-digest', MIRROR, / image: .*/, ' image: docker.io/clamav/clamav:1.5'],
    ['image-digest', MIRROR, / image: .*/, ' image: clamav/clamav@sha256:1234'],
    ['image-digest', MIRROR, / image: .*/, ` image: \${{ vars.IMAGE }}@sha256:${'a'.repeat(64)}`],
    ['image-digest', MIRROR, / image: .*/, ` image: \${{ inputs.newest-image }}`],
    ['pin', MIRROR, SHA, '@v7'],
    ['pin', MIRROR, SHA, '@$1'],
    ['pin', ACTION, SHA, '@1234567 # v7.0.0'],
    ['third-party', MIRROR, 'uses: actions/checkout@', 'uses: some/checkout@'],
    ['persisted-credentials', MIRROR, /^ {10}persist-credentials: false\n/m, ''],
    ['persisted-credentials', MIRROR, 'persist-credentials: false', 'persist-credentials: true'],
    ['expression-in-run', MIRROR, 'run: exec node', `run: \${{ github.actor }} node`],
    ['expression-in-run', ACTION, 'run: exec node', `run: \${{ inputs.command }} node`],
  ])('%s catches its mistake in %s: %s', (rule, file, from, to) => {
    const rules = new Set(breaches(broken(file, from, to)).map((breach) => breach.rule));
    expect([...rules]).toEqual([rule]);
  });
});
