import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/setup.ts',
    reporters: ['default', './test/support/reporter.ts'],
    pool: 'forks',
    // Tests start freshclam and clamscan, which need a core of their own.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 300_000,
    // They import JSON in a way that only a bundler takes.
    server: { deps: { inline: [/@actions\/(workflow-parser|languageservice)/] } },
  },
});
