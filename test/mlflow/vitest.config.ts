import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/mlflow/**/*.test.ts'],
    globalSetup: 'test/mlflow/setup.ts',
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // A server and a client in Python each: on two cores one file after another is no slower.
    maxWorkers: 1,
  },
});
