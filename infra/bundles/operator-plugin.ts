import type { Plugin } from 'esbuild';

/**
 * Leaves out of the driver for Redis what only operators ask for, and no function does: dead letters, history and
 * warnings. Who asks all the same is told.
 */
export const nothingForOperators: Plugin = {
  name: 'nothing-for-operators',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^\.{1,2}\// }, ({ path, importer }) =>
      importer.endsWith('/redis-streams/redis-streams.ts') && path in LEFT_OUT
        ? { path, namespace: NAMESPACE }
        : undefined,
    );
    onLoad({ filter: /^/, namespace: NAMESPACE }, ({ path }) => ({
      contents: `const leftOut = async () => {
          throw new Error('this function was bundled without what operators ask of Redis: dead letters, history and warnings');
        };
        ${LEFT_OUT[path]}`,
    }));
  },
};

const NAMESPACE = 'for-operators';

/** What takes their places, by the modules' names where the driver imports them. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  './dead-letters.ts': `export const createDeadLetterQueue = () =>
    ({ scan: leftOut, replay: leftOut, purge: leftOut, release: leftOut });`,
  './history.ts': 'export const createHistory = () => ({ read: leftOut, replay: leftOut });',
  '../redis/warnings.ts': 'export const warnings = leftOut;',
};
