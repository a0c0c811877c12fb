import type { Plugin } from 'esbuild';

/** The drivers that keep order, by their folders. */
const ORDERED: readonly string[] = ['memory', 'sqs'];

/**
 * Leaves out what keeps the order of keys where none of these drivers does: a topic that asks for order is refused there
 * before anything is handled. What came all the same would say so.
 */
export function orderOnlyWith(drivers: readonly string[]): Plugin {
  return {
    name: 'order-only-with',
    setup({ onLoad, onResolve }) {
      if (drivers.some((driver) => ORDERED.includes(driver))) return;
      onResolve({ filter: /^\.\/in-order\.ts$/ }, () => ({ path: 'in-order', namespace: NAMESPACE }));
      onLoad({ filter: /^/, namespace: NAMESPACE }, () => ({ contents: NOTHING }));
    },
  };
}

const NAMESPACE = 'for-order';

const NOTHING = `export const inOrder = () => {
    throw new Error('this function was bundled without what keeps order: its drivers keep none');
  };
  export const keysOf = inOrder;`;
