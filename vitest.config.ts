import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/setup/setup.ts',
    reporters: ['default', './test/support/setup/reporter.ts'],
    pool: 'forks',
    // Tests wait for containers, disks and deadlines as often as they compute.
    maxWorkers: 3,
    testTimeout: 180_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 30_000 } },
    // They import JSON in a way that only a bundler takes.
    server: { deps: { inline: [/@actions\/(workflow-parser|languageservice)/] } },
  },
});
