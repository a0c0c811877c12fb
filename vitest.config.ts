import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'infra/**/*.test.ts', 'lambdas/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Most cases of the conformance suite wait for leases and delays to end.
    maxConcurrency: 20,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.test.ts'],
      reporter: ['text-summary'],
      thresholds: { lines: 90, branches: 90 },
    },
  },
});
