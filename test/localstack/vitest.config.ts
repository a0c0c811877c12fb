import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** The tests on LocalStack: `npm run test:localstack`. */
export default defineConfig({
  test: {
    root: join(import.meta.dirname, '../..'),
    include: ['test/localstack/**/*.test.ts'],
    globalSetup: ['test/support/redis-setup.ts', 'test/localstack/setup.ts'],
    // Each file deploys the same stacks.
    fileParallelism: false,
    // What one test deploys the next uses: after a failure the rest would only wait.
    bail: 1,
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
