import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';
import { COPIES } from './test/support/copies.ts';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'infra/**/*.test.ts', 'lambdas/**/*.test.ts'],
    // They have a configuration of their own.
    exclude: [...configDefaults.exclude, 'test/localstack/**', 'test/mlflow/**', 'test/fault/faults.test.ts'],
    globalSetup: 'test/support/redis-setup.ts',
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Most of them wait for leases and servers: on few cores two files at once take half the time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Most cases of the conformance suite wait for leases and delays to end. Many copies take fewer cases at
    // once, or they would overload the emulators they share.
    maxConcurrency: Math.min(20, Math.ceil(40 / COPIES)),
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.test.ts'],
      reporter: ['text-summary'],
      thresholds: { lines: 90, branches: 90 },
    },
  },
});
