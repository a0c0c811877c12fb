import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { readSelection } from './selection.ts';

const { nightly } = readSelection(process.env);

/** The judge: `npm run test:faults`. A test for each fault on each carrier. */
export default defineConfig({
  test: {
    root: join(import.meta.dirname, '../..'),
    include: ['test/fault/faults.test.ts'],
    // They would make each other slow.
    fileParallelism: false,
    globalSetup: ['test/support/redis-setup.ts', 'test/fault/table-setup.ts'],
    // Most of a fault's time is waiting for leases to end.
    maxConcurrency: 4,
    testTimeout: nightly ? 4 * 3_600_000 : 240_000,
    hookTimeout: 60_000,
  },
});
