import type { Plugin } from 'esbuild';

/**
 * Leaves out drivers that a function is not deployed with: what would be loaded for another `TRANSPORT_URL`.
 *
 * @param drivers The folders of `src/transport` that stay.
 */
export function onlyDrivers(drivers: readonly string[]): Plugin {
  return {
    name: 'only-drivers',
    setup({ onLoad, onResolve }) {
      onResolve({ filter: DRIVER }, ({ path, importer, kind }) => {
        const folder = DRIVER.exec(path)?.[1] ?? '';
        const asked = kind === 'dynamic-import' && LOADS.test(importer);
        return asked && !drivers.includes(folder) ? { path: folder, namespace: LEFT_OUT } : undefined;
      });
      onResolve({ filter: CLAIMS_IN_REDIS }, ({ path, importer, kind }) =>
        kind === 'dynamic-import' && OPENS_CLAIMS.test(importer) && !drivers.includes('redis-streams')
          ? { path, namespace: LEFT_OUT }
          : undefined,
      );
      onLoad({ filter: /^/, namespace: LEFT_OUT }, ({ path }) => ({
        contents: `throw new Error('bundled without the driver ${path}');`,
      }));
    },
  };
}

/** Who loads drivers. */
const LOADS = /\/src\/transport\/(?:url|open-redis)\.ts$/;
/** A driver's module, as they name it. */
const DRIVER = /^\.\/([a-z-]+)\/[a-z-]+\.ts$/;
/** This module loads the store of deployments. Functions need the one in Redis only if Redis carries their messages. */
const OPENS_CLAIMS = /\/claims\/open-claims\.ts$/;
const CLAIMS_IN_REDIS = /^\.\/redis\.ts$/;
const LEFT_OUT = 'left-out';
