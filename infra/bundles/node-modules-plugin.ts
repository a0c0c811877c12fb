import { isBuiltin } from 'node:module';
import type { Plugin } from 'esbuild';

/**
 * Lets CommonJS packages require Node's own modules in a bundle of ES modules, which have no `require`: what they
 * get is the module's default export, imported statically by the file that the package ends up in.
 */
export const nodeModules: Plugin = {
  name: 'node-modules',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^/ }, ({ path, kind }) =>
      kind === 'require-call' && isBuiltin(path) ? { path, namespace: REQUIRED } : undefined,
    );
    onLoad({ filter: /^/, namespace: REQUIRED }, ({ path }) => ({
      contents: `module.exports = require('${IMPORTED}:${path}').default;`,
    }));
    onResolve({ filter: new RegExp(`^${IMPORTED}:`) }, ({ path }) => ({
      path: path.slice(IMPORTED.length + 1),
      namespace: IMPORTED,
    }));
    onLoad({ filter: /^/, namespace: IMPORTED }, ({ path }) => ({
      contents: `export { default } from 'node:${path.replace(/^node:/, '')}';`,
    }));
  },
};

const REQUIRED = 'node-required';
const IMPORTED = 'node-imported';
