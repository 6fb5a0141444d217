import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/**
 * The last words of a run: how many tests were skipped for want of which real part, and then one plain line with the
 * counts, alone, which programs can find. What fails outside of any test counts as a failed test.
 */
export default class Counts implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    const wants = new Map<string, number>();
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const result = test.result();
        counts[result.state]++;
        if (result.state !== 'skipped') continue;
        const missing = test.meta().missing ?? result.note;
        if (missing !== undefined) wants.set(missing, (wants.get(missing) ?? 0) + 1);
      }
      counts.failed += module.errors().length;
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
    }
    for (const [why, tests] of wants) {
      console.log(`SKIPPED for want of real parts: ${tests} ${tests === 1 ? 'test' : 'tests'}: ${why}`);
    }
    const failed = counts.failed + counts.pending; // a test that never ended
    const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
    console.log(`${counts.passed} passed, ${failed} failed${skipped}`);
  }
}
