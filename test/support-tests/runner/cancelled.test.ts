import { describe, expect, test } from 'vitest';
import { startWorkflow } from '../../support/runner/run.ts';
import { ground, PATIENT, resultsOf } from './ground.ts';

const here = ground();

describe('a run that is cancelled', () => {
  /** For what goes on if it may; whatever hears a signal and ends has all the time that it needs. */
  const SHORT = { interrupt: 400, terminate: 400, output: 200 };
  const cancelAt = async (yaml: string, marker: string, patience = PATIENT) => {
    const started = startWorkflow(await here.write(yaml), {
      folder: here.folder,
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
