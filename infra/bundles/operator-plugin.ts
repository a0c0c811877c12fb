import type { Plugin } from 'esbuild';

/**
 * Leaves out of the driver for Redis what only operators ask for, and no function does: dead letters, history, consumers
 * and warnings. Who asks all the same is told.
 */
export const nothingForOperators: Plugin = {
  name: 'nothing-for-operators',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: LEFT_OUT }, ({ importer }) =>
      importer.endsWith('/redis-streams/redis-streams.ts')
        ? { path: 'all', namespace: NAMESPACE }
        : undefined,
    );
    onLoad({ filter: /^/, namespace: NAMESPACE }, () => ({ contents: NOTHING }));
  },
};

const NAMESPACE = 'for-operators';

/** As the driver imports them. */
const LEFT_OUT = /^(?:\.\/(?:dead-letters|history|consumers)|\.\.\/redis\/warnings)\.ts$/;

/** What takes the places of them all. */
const NOTHING = `export const warnings = async () => {
    throw new Error('bundled without what operators ask of Redis');
  };
  export const listConsumers = warnings;
  export const createDeadLetterQueue = () =>
    ({ scan: warnings, replay: warnings, purge: warnings, release: warnings });
  export const createHistory = () => ({ read: warnings, replay: warnings });`;
