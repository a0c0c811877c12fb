import type { Plugin } from 'esbuild';

/**
 * Leaves out the handlers that the config would load for workers: a function is given its own. What they import
 * would share chunks with it, and so would be loaded at its start.
 */
export const noHandlersOfConfig: Plugin = {
  name: 'no-handlers-of-config',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^\.{1,2}\// }, ({ path, importer, kind }) =>
      kind === 'dynamic-import' && importer.endsWith('/hikyaku.config.ts')
        ? { path, namespace: LEFT_OUT }
        : undefined,
    );
    onLoad({ filter: /^/, namespace: LEFT_OUT }, ({ path }) => ({
      contents: `throw new Error('bundled without ${path}');`,
    }));
  },
};

const LEFT_OUT = 'handler-left-out';
