import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/setup/longest-first.ts';

/** Test files that use real parts (ClamAV, containers, web servers, other programs than Node and a shell) or take long. */
const REAL = 'test/**/*.it.test.ts';

export default defineConfig({
  test: {
    reporters: ['default', './test/support/setup/reporter.ts'],
    pool: 'forks',
    // Tests wait for containers, disks and deadlines as often as they compute. Two cores have enough to do with four.
    maxWorkers: 4,
    // Each thread that rebuilds a CVD, and each command, would otherwise turn its modules into JavaScript again.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, '.cache', 'node') },
    sequence: { sequencer: LongestFirst },
    testTimeout: 180_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 30_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [REAL],
          // Modules are loaded once for each worker and not for each file.
          isolate: false,
          // They import JSON in a way that only a bundler takes.
          server: { deps: { inline: [/@actions\/(workflow-parser|languageservice)/] } },
        },
      },
      {
        extends: true,
        test: { name: 'real', include: [REAL], globalSetup: 'test/support/setup/setup.ts' },
      },
    ],
  },
});
